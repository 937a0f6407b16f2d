#include "gui/views/chart_style.h"

#include <QApplication>
#include <QGraphicsLayout>
#include <QPalette>
#include <QtCharts/QLegend>
#include <algorithm>

namespace headroom::gui {

void style_chart(QChart& chart, const QPalette& palette) {
    const QColor ink = palette.color(QPalette::Text);
    QColor grid = ink;
    grid.setAlpha(45);
    chart.setBackgroundBrush(palette.color(QPalette::Base));
    chart.setBackgroundRoundness(0.0);
    chart.setAnimationOptions(QChart::NoAnimation);
    chart.layout()->setContentsMargins(0, 0, 0, 0);
    chart.setMargins(QMargins(4, 4, 12, 4));
    chart.legend()->setLabelColor(ink);
    chart.legend()->setFont(QApplication::font());
    for (auto* axis : chart.axes()) {
        axis->setLabelsColor(ink);
        axis->setTitleBrush(ink);
        axis->setLabelsFont(QApplication::font());
        axis->setTitleFont(QApplication::font());
        axis->setGridLineColor(grid);
        axis->setLinePenColor(grid);
    }
}

void set_range(QValueAxis& axis, double most) {
    axis.setRange(0.0, std::max(most, 1e-6));
    axis.applyNiceNumbers();
}

}  // namespace headroom::gui
