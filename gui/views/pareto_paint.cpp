#include <QPainter>
#include <algorithm>
#include <cmath>

#include "gui/views/pareto_chart.h"
#include "gui/views/theme.h"

namespace headroom::gui {
namespace {

constexpr double kLeastRadius = 4.5;
constexpr double kMostRadius = 9.0;
constexpr double kRampWidth = 130.0;

double radius_of(double share) { return kLeastRadius + share * (kMostRadius - kLeastRadius); }

/// A star's outline, so that the best differs by shape and not by colour alone.
QPolygonF star(QPointF centre, double radius) {
    constexpr int kCorners = 10;
    QPolygonF out;
    for (int i = 0; i < kCorners; ++i) {
        const double turn = M_PI * (2.0 * i / kCorners - 0.5);
        const double reach = i % 2 == 0 ? radius : radius * 0.45;
        out.append(centre + reach * QPointF(std::cos(turn), std::sin(turn)));
    }
    return out;
}

/// Points from least to most, ending at a place; where they begin.
double paint_ramp(QPainter& painter, QPointF end) {
    constexpr int kSteps = 5;
    constexpr double kEach = kRampWidth / kSteps;
    for (int i = 0; i < kSteps; ++i) {
        const double share = static_cast<double>(i) / (kSteps - 1);
        const double radius = radius_of(share);
        painter.setBrush(rampColour(share));
        painter.drawEllipse(QPointF(end.x() - kRampWidth + (i + 0.5) * kEach, end.y()), radius,
                            radius);
    }
    return end.x() - kRampWidth;
}

}  // namespace

void ParetoChart::drawForeground(QPainter* painter, const QRectF& rect) {
    QChartView::drawForeground(painter, rect);
    painter->save();
    painter->resetTransform();
    painter->setFont(font());
    painter->setRenderHint(QPainter::Antialiasing);
    if (m_rows.empty()) {
        painter->setPen(toneColour(Tone::faint, palette()));
        painter->drawText(viewport()->rect(), Qt::AlignCenter | Qt::TextWordWrap,
                          m_emptyWords.isEmpty()
                              ? tr("A search puts every plan here that no other beats in memory, "
                                   "time and price at once.")
                              : m_emptyWords);
    } else {
        paintLegend(*painter);
        paintPoints(*painter);
    }
    painter->restore();
}

void ParetoChart::paintPoints(QPainter& painter) const {
    for (int row = 0; row < static_cast<int>(m_rows.size()); ++row) {
        const double share = shareOf(row);
        const double radius = radius_of(share);
        const QPointF at = placeOf(row);
        painter.setPen(QPen(palette().color(QPalette::Text), 1.0));
        painter.setBrush(rampColour(share));
        if (m_rows[static_cast<std::size_t>(row)].best) {
            painter.drawPolygon(star(at, radius + 5.0));
        } else {
            painter.drawEllipse(at, radius, radius);
        }
        if (row != m_chosen) continue;
        painter.setPen(QPen(palette().color(QPalette::Highlight), 3.0));
        painter.setBrush(Qt::NoBrush);
        const double half = radius + 7.0;
        painter.drawRect(QRectF(at.x() - half, at.y() - half, 2.0 * half, 2.0 * half));
    }
}

/// "★ the best   ┄ capacity          price: 0.2 ▁▂▃ 1.4".
void ParetoChart::paintLegend(QPainter& painter) const {
    const double line = fontMetrics().height();
    const QRectF strip(10.0, 4.0, viewport()->width() - 22.0, line + 6.0);
    const auto ink = palette().color(QPalette::Text);
    painter.setPen(ink);
    painter.drawText(strip, Qt::AlignLeft | Qt::AlignVCenter,
                     m_limit->isVisible() ? tr("★ the best    □ chosen    ┄ capacity")
                                          : tr("★ the best    □ chosen"));
    const auto value = [this](const auto& each) { return valueOf(each, m_axes.colour); };
    const auto [least, most] = std::ranges::minmax(m_rows, {}, value);
    const auto low = tr("%1: %2").arg(word_of(m_axes.colour), amountOf(least, m_axes.colour));
    double right = strip.right();
    if (value(least) < value(most)) {
        const auto high = amountOf(most, m_axes.colour);
        painter.drawText(strip, Qt::AlignRight | Qt::AlignVCenter, high);
        right -= fontMetrics().horizontalAdvance(high) + 8.0;
        right = paint_ramp(painter, QPointF(right, strip.center().y())) - 8.0;
        painter.setPen(ink);
    }
    painter.drawText(QRectF(strip.left(), strip.top(), right - strip.left(), strip.height()),
                     Qt::AlignRight | Qt::AlignVCenter, low);
}

}  // namespace headroom::gui
