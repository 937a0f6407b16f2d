#pragma once

#include <QtCharts/QChartView>
#include <QtCharts/QLineSeries>
#include <QtCharts/QScatterSeries>
#include <QtCharts/QValueAxis>
#include <array>
#include <vector>

#include "gui/models/search_tables.h"

namespace headroom::gui {

enum class ParetoAxis { time, price };

/// Memory against time or price, a point a plan; colour and shape say in which third of all plans
/// it lies by the other of the two. A click chooses one.
class ParetoChart : public QChartView {
    Q_OBJECT

public:
    explicit ParetoChart(QWidget* parent = nullptr);

    void setRows(std::vector<CandidateRow> rows, Bytes capacity);
    void setAxis(ParetoAxis axis);
    void setFigures(const Figures& figures);
    /// Marks a row; -1: none.
    void choose(int row);

Q_SIGNALS:
    void chosen(int row);

protected:
    void mousePressEvent(QMouseEvent* event) override;
    void changeEvent(QEvent* event) override;

private:
    static constexpr std::size_t kThirds = 3;

    [[nodiscard]] QPointF pointOf(const CandidateRow& row) const;
    /// What the axis does not show: price beside time, time beside price.
    [[nodiscard]] double otherOf(const CandidateRow& row) const;
    void fill();
    void fillPoints();
    void fillAxes();
    void paintSeries();
    /// Of the legend; empty: a series without points.
    [[nodiscard]] std::array<QString, kThirds> thirdNames() const;

    std::vector<CandidateRow> m_rows{};
    Bytes m_capacity{};
    Figures m_figures{};
    ParetoAxis m_axis = ParetoAxis::time;
    int m_chosen = -1;
    std::array<QScatterSeries*, kThirds> m_points{};
    QScatterSeries* m_best = nullptr;
    QScatterSeries* m_mark = nullptr;
    QLineSeries* m_limit = nullptr;
    QValueAxis* m_x = nullptr;
    QValueAxis* m_y = nullptr;
};

}  // namespace headroom::gui
