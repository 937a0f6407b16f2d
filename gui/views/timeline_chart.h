#pragma once

#include <QPixmap>
#include <QWidget>
#include <vector>

#include "gui/models/figures.h"
#include "gui/models/timeline_points.h"

namespace headroom::gui {

/// Memory of the fullest rank over one step as stacked areas, its peak marked against the capacity.
/// A click, or the arrow keys, choose a moment.
class TimelineChart : public QWidget {
    Q_OBJECT

public:
    explicit TimelineChart(QWidget* parent = nullptr);

    void setMoments(std::vector<Moment> moments, std::vector<PhaseStart> phases, Bytes capacity);
    void setFigures(const Figures& figures);
    /// Marks the moment nearest to an op and tells it.
    void choose(std::size_t op);
    [[nodiscard]] const std::vector<Moment>& moments() const { return m_moments; }

Q_SIGNALS:
    void momentChosen(std::size_t op);

protected:
    void mousePressEvent(QMouseEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void paintEvent(QPaintEvent* event) override;
    void changeEvent(QEvent* event) override;

private:
    /// An axis from 0: its last tick and the step between two.
    struct Ticks {
        double end = 1.0;
        double step = 1.0;
    };
    [[nodiscard]] static Ticks ticks(double most, double room);
    [[nodiscard]] QRectF plot() const;
    [[nodiscard]] double lastOp() const;
    [[nodiscard]] QPointF place(double op, double amount) const;  ///< amount in the shown unit
    void tell();
    void paintAxes(QPainter& painter) const;
    void paintLayers(QPainter& painter) const;
    void paintPhases(QPainter& painter) const;
    void paintMarks(QPainter& painter) const;

    std::vector<Moment> m_moments{};
    std::vector<PhaseStart> m_phases{};
    Bytes m_capacity{};
    Figures m_figures{};
    std::size_t m_peak = 0;    ///< index of a moment
    std::size_t m_chosen = 0;  ///< index of a moment
    Ticks m_amounts{};
    QPixmap m_picture{};  ///< axes and areas; null: to be painted
};

}  // namespace headroom::gui
