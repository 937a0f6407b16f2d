#include "gui/views/timeline_chart.h"

#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <algorithm>
#include <cmath>

#include "gui/views/theme.h"

namespace headroom::gui {
namespace {

constexpr std::size_t kLayers = kRoles + 1;
constexpr double kGap = 4.0;

QString layer_name(std::size_t layer) {
    return layer < kRoles ? text(kRoleNames[layer]) : QStringLiteral("reserved");
}

Bytes layer_bytes(const Moment& moment, std::size_t layer) {
    return layer < kRoles ? moment.by_role[layer] : moment.reserved;
}

QString label(double value) { return QString::number(value, 'g', 6); }

}  // namespace

TimelineChart::TimelineChart(QWidget* parent) : QWidget(parent) {
    setAccessibleName(tr("Memory over one step"));
    setFocusPolicy(Qt::StrongFocus);
    setMinimumSize(340, 190);
}

void TimelineChart::setMoments(std::vector<Moment> moments, std::vector<PhaseStart> phases,
                               Bytes capacity) {
    m_moments = std::move(moments);
    m_phases = std::move(phases);
    m_capacity = capacity;
    const auto peak = std::ranges::max_element(m_moments, {}, &Moment::total);
    m_peak = static_cast<std::size_t>(peak - m_moments.begin());
    m_chosen = m_peak;
    tell();
}

void TimelineChart::setFigures(const Figures& figures) {
    m_figures = figures;
    tell();
}

/// What the axis and a screen reader say; the picture follows.
void TimelineChart::tell() {
    m_picture = {};
    update();
    if (m_moments.empty()) return setAccessibleDescription({});
    const auto& peak = m_moments[m_peak];
    m_amounts = ticks(m_figures.in(std::max(peak.total, m_capacity)) * 1.02, 6.0);
    setAccessibleDescription(tr("Peak of %1 at op %2; capacity %3")
                                 .arg(m_figures.memory(peak.total))
                                 .arg(peak.op)
                                 .arg(m_figures.memory(m_capacity)));
}

/// Steps of 1, 2 or 5 times a power of ten, at most `room` of them.
TimelineChart::Ticks TimelineChart::ticks(double most, double room) {
    const double least = std::max(most, 1e-6) / std::max(room, 1.0);
    const double power = std::pow(10.0, std::floor(std::log10(least)));
    double step = 10.0 * power;
    for (const double nice : {5.0, 2.0, 1.0}) {
        if (nice * power >= least) step = nice * power;
    }
    return {.end = std::ceil(most / step) * step, .step = step};
}

QRectF TimelineChart::plot() const {
    const double line = fontMetrics().height();
    double labels = fontMetrics().horizontalAdvance(m_figures.unitName());
    for (double at = 0.0; at <= m_amounts.end * 1.0001; at += m_amounts.step) {
        labels = std::max(labels, double(fontMetrics().horizontalAdvance(label(at))));
    }
    // The last label of the ops is centred on its tick.
    const double beyond =
        m_moments.empty() ? 0.0 : 0.5 * fontMetrics().horizontalAdvance(label(lastOp()));
    return QRectF(rect()).adjusted(labels + 3.0 * kGap, kGap + 0.5 * line, -3.0 * kGap - beyond,
                                   -2.0 * line - 2.0 * kGap);
}

double TimelineChart::lastOp() const {
    return std::max(static_cast<double>(m_moments.back().op), 1.0);
}

QPointF TimelineChart::place(double op, double amount) const {
    const QRectF area = plot();
    return {area.left() + op / lastOp() * area.width(),
            area.bottom() - amount / m_amounts.end * area.height()};
}

void TimelineChart::choose(std::size_t op) {
    if (m_moments.empty()) return;
    const auto distance = [op](const Moment& each) {
        return each.op > op ? each.op - op : op - each.op;
    };
    const auto nearest = std::ranges::min_element(m_moments, {}, distance);
    m_chosen = static_cast<std::size_t>(nearest - m_moments.begin());
    update();
    Q_EMIT momentChosen(nearest->op);
}

void TimelineChart::mousePressEvent(QMouseEvent* event) {
    if (m_moments.empty()) return;
    const QRectF area = plot();
    if (!area.contains(event->position())) return;
    const double share = (event->position().x() - area.left()) / area.width();
    choose(static_cast<std::size_t>(std::round(share * lastOp())));
}

void TimelineChart::keyPressEvent(QKeyEvent* event) {
    const bool right = event->key() == Qt::Key_Right;
    if (m_moments.empty() || (!right && event->key() != Qt::Key_Left)) {
        QWidget::keyPressEvent(event);
        return;
    }
    if (right && m_chosen + 1 < m_moments.size()) choose(m_moments[m_chosen + 1].op);
    if (!right && m_chosen > 0) choose(m_moments[m_chosen - 1].op);
}

void TimelineChart::changeEvent(QEvent* event) {
    QWidget::changeEvent(event);
    m_picture = {};
}

/// Axes and areas are kept as they were painted: what lies above the chart moves it more often than
/// its plan changes.
void TimelineChart::paintEvent(QPaintEvent* /*event*/) {
    const QSize pixels = size() * devicePixelRatio();
    if (m_picture.size() != pixels) {
        m_picture = QPixmap(pixels);
        m_picture.setDevicePixelRatio(devicePixelRatio());
        m_picture.fill(palette().color(QPalette::Base));
        QPainter painter(&m_picture);
        painter.setFont(font());
        if (!m_moments.empty()) {
            paintAxes(painter);
            paintLayers(painter);
        }
    }
    QPainter painter(this);
    painter.drawPixmap(0, 0, m_picture);
    if (m_moments.empty()) return;
    paintMarks(painter);
    paintPhases(painter);
}

void TimelineChart::paintAxes(QPainter& painter) const {
    const QRectF area = plot();
    const double line = fontMetrics().height();
    QColor grid = palette().color(QPalette::Text);
    grid.setAlpha(45);
    const auto word = [&](const QRectF& box, int align, const QString& what) {
        painter.setPen(palette().color(QPalette::Text));
        painter.drawText(box, align, what);
    };
    for (double at = 0.0; at <= m_amounts.end * 1.0001; at += m_amounts.step) {
        const double y = place(0.0, at).y();
        painter.setPen(grid);
        painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y));
        word({0.0, y - line, area.left() - kGap, 2.0 * line}, Qt::AlignRight | Qt::AlignVCenter,
             label(at));
    }
    const double widest = fontMetrics().horizontalAdvance(label(lastOp())) + line;
    const Ticks ops = ticks(lastOp(), area.width() / widest);
    for (double at = 0.0; at <= lastOp(); at += ops.step) {
        const double x = place(at, 0.0).x();
        painter.setPen(grid);
        painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()));
        word({x - widest, area.bottom() + kGap, 2.0 * widest, line}, Qt::AlignHCenter, label(at));
    }
    word({area.left(), area.bottom() + kGap + line, area.width(), line}, Qt::AlignHCenter,
         tr("op of the step"));
    // Not turned beside its axis: turned text is drawn as outlines, a third of all that is painted.
    word({0.0, area.top() + 0.5 * line, area.left() - kGap, line}, Qt::AlignRight,
         m_figures.unitName());
}

void TimelineChart::paintLayers(QPainter& painter) const {
    const QRectF area = plot();
    const double across = area.width() / lastOp();
    const double up = area.height() / m_amounts.end;
    std::vector<double> below(m_moments.size(), 0.0);
    for (std::size_t layer = 0; layer < kLayers; ++layer) {
        QPolygonF outline;
        outline.reserve(2 * static_cast<qsizetype>(m_moments.size()));
        const auto trace = [&](std::size_t i) {
            outline.append({area.left() + static_cast<double>(m_moments[i].op) * across,
                            area.bottom() - below[i] * up});
        };
        bool any = false;
        for (std::size_t i = m_moments.size(); i-- > 0;) trace(i);
        for (std::size_t i = 0; i < m_moments.size(); ++i) {
            const Bytes bytes = layer_bytes(m_moments[i], layer);
            any = any || bytes > Bytes{};
            below[i] += m_figures.in(bytes);
            trace(i);
        }
        if (!any) continue;
        painter.setPen(Qt::NoPen);
        painter.setBrush(categoryBrush(layer_name(layer)));
        painter.drawPolygon(outline);
    }
}

void TimelineChart::paintPhases(QPainter& painter) const {
    const QRectF area = plot();
    double free = area.left();
    for (const auto& start : m_phases) {
        const double x = place(static_cast<double>(start.op), 0.0).x();
        const auto word = text(name(start.phase));
        const double width = fontMetrics().horizontalAdvance(word) + 8.0;
        painter.setPen(QPen(palette().color(QPalette::Text), 1.0, Qt::DotLine));
        painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()));
        const double left = std::min(std::max(x + 3.0, free), area.right() - width);
        const QRectF box(left, area.top() + 2.0, width, fontMetrics().height() + 2.0);
        painter.fillRect(box, palette().color(QPalette::Base));
        painter.setPen(palette().color(QPalette::Text));
        painter.drawText(box, Qt::AlignCenter, word);
        free = left + width;
    }
}

void TimelineChart::paintMarks(QPainter& painter) const {
    constexpr double kMark = 7.0;
    const QRectF area = plot();
    const double limit = place(0.0, m_figures.in(m_capacity)).y();
    painter.setPen(QPen(palette().color(QPalette::Text), 2.0, Qt::DashLine));
    painter.drawLine(QPointF(area.left(), limit), QPointF(area.right(), limit));
    const double x = place(static_cast<double>(m_moments[m_chosen].op), 0.0).x();
    painter.setPen(QPen(palette().color(QPalette::Highlight), 2.0));
    painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()));
    const auto& peak = m_moments[m_peak];
    const QPointF at = place(static_cast<double>(peak.op), m_figures.in(peak.total));
    painter.setPen(palette().color(QPalette::Base));
    painter.setBrush(palette().color(QPalette::Text));
    painter.drawPolygon(QPolygonF{at + QPointF(0.0, -kMark), at + QPointF(kMark, kMark),
                                  at + QPointF(-kMark, kMark)});
}

}  // namespace headroom::gui
