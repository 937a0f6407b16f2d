#pragma once

#include <QtCharts/QChartView>
#include <QtCharts/QLineSeries>
#include <QtCharts/QValueAxis>

#include "gui/jobs/run_process.h"
#include "gui/models/figures.h"

namespace headroom::gui {

/// Loss and memory of a run, a point a step.
class LiveChart : public QChartView {
    Q_OBJECT

public:
    explicit LiveChart(QWidget* parent = nullptr);

    void clear();
    void add(const LiveStep& step);
    void setFigures(const Figures& figures);

protected:
    void changeEvent(QEvent* event) override;
    void drawForeground(QPainter* painter, const QRectF& rect) override;

private:
    void fill();

    QList<LiveStep> m_steps{};
    Figures m_figures{};
    QLineSeries* m_loss = nullptr;
    QLineSeries* m_memory = nullptr;
    QValueAxis* m_x = nullptr;
    QValueAxis* m_left = nullptr;
    QValueAxis* m_right = nullptr;
};

}  // namespace headroom::gui
