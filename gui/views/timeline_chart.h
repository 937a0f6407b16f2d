#pragma once

#include <QtCharts/QAreaSeries>
#include <QtCharts/QChartView>
#include <QtCharts/QLineSeries>
#include <QtCharts/QScatterSeries>
#include <QtCharts/QValueAxis>
#include <vector>

#include "gui/models/figures.h"
#include "gui/models/timeline_points.h"

namespace headroom::gui {

/// Memory of the fullest rank over one step as stacked areas, its peak marked against the capacity.
/// A click, or the arrow keys, choose a moment.
class TimelineChart : public QChartView {
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
    void changeEvent(QEvent* event) override;
    void drawForeground(QPainter* painter, const QRectF& rect) override;

private:
    void build();
    void fill();
    void mark();

    std::vector<Moment> m_moments{};
    std::vector<PhaseStart> m_phases{};
    Bytes m_capacity{};
    Figures m_figures{};
    std::size_t m_chosen = 0;  ///< index of a moment
    std::vector<QAreaSeries*> m_areas{};
    QLineSeries* m_limit = nullptr;
    QLineSeries* m_cursor = nullptr;
    QScatterSeries* m_peak = nullptr;
    QValueAxis* m_x = nullptr;
    QValueAxis* m_y = nullptr;
};

}  // namespace headroom::gui
