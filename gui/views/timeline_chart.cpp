#include "gui/views/timeline_chart.h"

#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <algorithm>
#include <cmath>

#include "gui/views/chart_style.h"
#include "gui/views/theme.h"

namespace headroom::gui {
namespace {

constexpr std::size_t kLayers = kRoles + 1;

QString layer_name(std::size_t layer) {
    return layer < kRoles ? text(kRoleNames[layer]) : QStringLiteral("reserved");
}

Bytes layer_bytes(const Moment& moment, std::size_t layer) {
    return layer < kRoles ? moment.by_role[layer] : moment.reserved;
}

}  // namespace

TimelineChart::TimelineChart(QWidget* parent) : QChartView(parent) {
    setAccessibleName(tr("Memory over one step"));
    setFocusPolicy(Qt::StrongFocus);
    setFrameShape(QFrame::NoFrame);
    setMinimumSize(340, 190);
    build();
}

void TimelineChart::build() {
    m_x = new QValueAxis(chart());
    m_y = new QValueAxis(chart());
    m_x->setLabelFormat(QStringLiteral("%d"));
    m_x->setTitleText(tr("op of the step"));
    m_y->setLabelFormat(QStringLiteral("%g"));
    chart()->addAxis(m_x, Qt::AlignBottom);
    chart()->addAxis(m_y, Qt::AlignLeft);
    const auto add = [&](QAbstractSeries* series) {
        chart()->addSeries(series);
        series->attachAxis(m_x);
        series->attachAxis(m_y);
    };
    for (std::size_t layer = 0; layer < kLayers; ++layer) {
        auto* area = new QAreaSeries(new QLineSeries, new QLineSeries);
        area->upperSeries()->setParent(area);
        area->lowerSeries()->setParent(area);
        area->setName(layer_name(layer));
        m_areas.push_back(area);
        add(area);
    }
    m_limit = new QLineSeries;
    m_limit->setName(tr("capacity"));
    m_cursor = new QLineSeries;
    m_peak = new QScatterSeries;
    m_peak->setName(tr("peak"));
    m_peak->setMarkerShape(QScatterSeries::MarkerShapeTriangle);
    m_peak->setMarkerSize(13.0);
    for (QXYSeries* series : {static_cast<QXYSeries*>(m_limit), static_cast<QXYSeries*>(m_cursor),
                              static_cast<QXYSeries*>(m_peak)}) {
        add(series);
    }
    chart()->legend()->hide();  // the bars above have it, with room for whole words
}

void TimelineChart::setMoments(std::vector<Moment> moments, std::vector<PhaseStart> phases,
                               Bytes capacity) {
    m_moments = std::move(moments);
    m_phases = std::move(phases);
    m_capacity = capacity;
    const auto peak = std::ranges::max_element(m_moments, {}, &Moment::total);
    m_chosen = static_cast<std::size_t>(peak - m_moments.begin());
    chart()->setVisible(!m_moments.empty());
    fill();
}

void TimelineChart::setFigures(const Figures& figures) {
    m_figures = figures;
    fill();
}

void TimelineChart::fill() {
    style_chart(*chart(), palette());
    if (m_moments.empty()) return;
    std::vector<double> below(m_moments.size(), 0.0);
    for (std::size_t layer = 0; layer < kLayers; ++layer) {
        QList<QPointF> low;
        QList<QPointF> high;
        bool any = false;
        for (std::size_t i = 0; i < m_moments.size(); ++i) {
            const double x = static_cast<double>(m_moments[i].op);
            const double bytes = m_figures.in(layer_bytes(m_moments[i], layer));
            low.append({x, below[i]});
            below[i] += bytes;
            high.append({x, below[i]});
            any = any || bytes > 0.0;
        }
        auto* area = m_areas[layer];
        area->lowerSeries()->replace(low);
        area->upperSeries()->replace(high);
        area->setBrush(categoryBrush(layer_name(layer)));
        area->setPen(QPen(palette().color(QPalette::Base), 0.5));
        area->setVisible(any);
    }
    m_x->setRange(0.0, static_cast<double>(m_moments.back().op));
    m_y->setTitleText(m_figures.unitName());
    mark();
}

void TimelineChart::mark() {
    const auto peak = std::ranges::max_element(m_moments, {}, &Moment::total);
    const double top = m_figures.in(std::max(peak->total, m_capacity));
    constexpr int kTicks = 6;
    m_y->setTickCount(kTicks);
    set_range(*m_y, top * 1.02);
    const double capacity = m_figures.in(m_capacity);
    m_limit->replace(QList<QPointF>{{0.0, capacity}, {m_x->max(), capacity}});
    m_limit->setPen(QPen(palette().color(QPalette::Text), 2.0, Qt::DashLine));
    m_peak->replace(QList<QPointF>{{static_cast<double>(peak->op), m_figures.in(peak->total)}});
    m_peak->setColor(palette().color(QPalette::Text));
    m_peak->setBorderColor(palette().color(QPalette::Base));
    const double x = static_cast<double>(m_moments[m_chosen].op);
    m_cursor->replace(QList<QPointF>{{x, 0.0}, {x, m_y->max()}});
    m_cursor->setPen(QPen(palette().color(QPalette::Highlight), 2.0));
    setAccessibleDescription(tr("Peak of %1 at op %2; capacity %3")
                                 .arg(m_figures.memory(peak->total))
                                 .arg(peak->op)
                                 .arg(m_figures.memory(m_capacity)));
    viewport()->update();
}

void TimelineChart::choose(std::size_t op) {
    if (m_moments.empty()) return;
    const auto distance = [op](const Moment& each) {
        return each.op > op ? each.op - op : op - each.op;
    };
    const auto nearest = std::ranges::min_element(m_moments, {}, distance);
    m_chosen = static_cast<std::size_t>(nearest - m_moments.begin());
    mark();
    Q_EMIT momentChosen(nearest->op);
}

void TimelineChart::mousePressEvent(QMouseEvent* event) {
    const auto value = chart()->mapToValue(chart()->mapFromScene(mapToScene(event->pos())), m_peak);
    if (!chart()->plotArea().contains(chart()->mapFromScene(mapToScene(event->pos())))) return;
    choose(static_cast<std::size_t>(std::max(0.0, std::round(value.x()))));
}

void TimelineChart::keyPressEvent(QKeyEvent* event) {
    const bool right = event->key() == Qt::Key_Right;
    if (m_moments.empty() || (!right && event->key() != Qt::Key_Left)) {
        QChartView::keyPressEvent(event);
        return;
    }
    if (right && m_chosen + 1 < m_moments.size()) choose(m_moments[m_chosen + 1].op);
    if (!right && m_chosen > 0) choose(m_moments[m_chosen - 1].op);
}

void TimelineChart::changeEvent(QEvent* event) {
    QChartView::changeEvent(event);
    if (event->type() == QEvent::PaletteChange || event->type() == QEvent::FontChange) fill();
}

void TimelineChart::drawForeground(QPainter* painter, const QRectF& rect) {
    QChartView::drawForeground(painter, rect);
    painter->setFont(font());
    const QRectF plot = chart()->mapRectToScene(chart()->plotArea());
    double free = plot.left();
    for (const auto& start : m_phases) {
        const auto at = chart()->mapToScene(
            chart()->mapToPosition(QPointF(static_cast<double>(start.op), 0.0), m_peak));
        const auto word = text(name(start.phase));
        const double width = fontMetrics().horizontalAdvance(word) + 8.0;
        painter->setPen(QPen(palette().color(QPalette::Text), 1.0, Qt::DotLine));
        painter->drawLine(QPointF(at.x(), plot.top()), QPointF(at.x(), plot.bottom()));
        const double left = std::min(std::max(at.x() + 3.0, free), plot.right() - width);
        const QRectF box(left, plot.top() + 2.0, width, fontMetrics().height() + 2.0);
        painter->fillRect(box, palette().color(QPalette::Base));
        painter->setPen(palette().color(QPalette::Text));
        painter->drawText(box, Qt::AlignCenter, word);
        free = left + width;
    }
}

}  // namespace headroom::gui
