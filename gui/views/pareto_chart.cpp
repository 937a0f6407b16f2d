#include "gui/views/pareto_chart.h"

#include <QHelpEvent>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QToolTip>
#include <algorithm>
#include <array>
#include <cmath>

#include "gui/views/chart_style.h"
#include "gui/views/theme.h"

namespace headroom::gui {
namespace {

constexpr double kReach = 24.0;  ///< pixels from a point that still mean it

using enum Quantity;
constexpr std::array kAxes{
    ParetoAxes{time, memory, price}, ParetoAxes{price, memory, time},
    ParetoAxes{time, price, memory}, ParetoAxes{price, time, memory},
    ParetoAxes{memory, time, price}, ParetoAxes{memory, price, time},
};

}  // namespace

std::span<const ParetoAxes> pareto_axes() { return kAxes; }

QString word_of(Quantity what) {
    constexpr std::array kWords{"memory", "time", "price"};
    return QObject::tr(kWords[static_cast<std::size_t>(what)]);
}

QString words_of(const ParetoAxes& axes) {
    return QObject::tr("%1 over %2, colour: %3")
        .arg(word_of(axes.y), word_of(axes.x), word_of(axes.colour));
}

ParetoChart::ParetoChart(QWidget* parent)
    : QChartView(parent),
      m_limit(new QLineSeries),
      m_x(new QValueAxis(this)),
      m_y(new QValueAxis(this)) {
    setAccessibleName(tr("Plans by memory, time and price"));
    setFocusPolicy(Qt::StrongFocus);
    setFrameShape(QFrame::NoFrame);
    chart()->addAxis(m_x, Qt::AlignBottom);
    chart()->addAxis(m_y, Qt::AlignLeft);
    chart()->addSeries(m_limit);
    m_limit->attachAxis(m_x);
    m_limit->attachAxis(m_y);
    m_x->setLabelFormat(QStringLiteral("%g"));
    m_y->setLabelFormat(QStringLiteral("%g"));
    chart()->legend()->hide();  // it cannot show a ramp
    fill();
}

void ParetoChart::setRows(std::vector<CandidateRow> rows, Bytes capacity) {
    m_rows = std::move(rows);
    m_capacity = capacity;
    m_chosen = -1;
    fill();
}

void ParetoChart::setEmptyWords(const QString& words) {
    m_emptyWords = words;
    viewport()->update();
}

void ParetoChart::setAxes(const ParetoAxes& axes) {
    m_axes = axes;
    fill();
}

void ParetoChart::setFigures(const Figures& figures) {
    m_figures = figures;
    fill();
}

void ParetoChart::choose(int row) {
    m_chosen = row < static_cast<int>(m_rows.size()) ? row : -1;
    setAccessibleDescription(m_chosen < 0
                                 ? tr("%1 plans that nothing beats at once").arg(m_rows.size())
                                 : noteOf(m_chosen));
    viewport()->update();
}

double ParetoChart::valueOf(const CandidateRow& row, Quantity what) const {
    const auto& each = row.candidate;
    switch (what) {
        case memory:
            return m_figures.in(each.memory);
        case time:
            return each.step.count();
        case price:
            return each.usd_per_million_tokens;
    }
    return 0.0;
}

QString ParetoChart::amountOf(const CandidateRow& row, Quantity what) const {
    if (what == memory) return m_figures.memory(row.candidate.memory);
    if (what == time) return text(row.candidate.step);
    return price_words(row.candidate.usd_per_million_tokens);
}

QString ParetoChart::titleOf(Quantity what) const {
    if (what == memory) return tr("%1 a GPU").arg(m_figures.unitName());
    return what == time ? tr("seconds a step") : tr("$ a million tokens");
}

QString ParetoChart::noteOf(int row) const {
    const auto& each = m_rows[static_cast<std::size_t>(row)];
    return tr("%1 a GPU, %2 a step, price of a million tokens: %3\n%4")
        .arg(amountOf(each, memory), amountOf(each, time), amountOf(each, price), each.settings);
}

double ParetoChart::shareOf(int row) const {
    const auto value = [this](const auto& each) { return valueOf(each, m_axes.colour); };
    const auto [least, most] = std::ranges::minmax(m_rows, {}, value);
    const double spread = value(most) - value(least);
    if (spread <= 0.0) return 0.0;
    return (value(m_rows[static_cast<std::size_t>(row)]) - value(least)) / spread;
}

QPointF ParetoChart::placeOf(int row) const {
    const auto& each = m_rows[static_cast<std::size_t>(row)];
    const QPointF at(valueOf(each, m_axes.x), valueOf(each, m_axes.y));
    return mapFromScene(chart()->mapToScene(chart()->mapToPosition(at, m_limit)));
}

void ParetoChart::fill() {
    style_chart(*chart(), palette());
    chart()->setMargins(QMargins(4, fontMetrics().height() + 14, 12, 4));
    setMinimumHeight(13 * fontMetrics().height());  // the title of the upright axis fits
    chart()->setVisible(!m_rows.empty());
    fillAxis(*m_x, m_axes.x);
    fillAxis(*m_y, m_axes.y);
    fillLimit();
    choose(m_chosen);
}

void ParetoChart::fillAxis(QValueAxis& axis, Quantity what) {
    axis.setTitleText(titleOf(what));
    double most = what == memory ? m_figures.in(m_capacity) : 0.0;
    double least = what == memory || m_rows.empty() ? 0.0 : valueOf(m_rows.front(), what);
    for (const auto& row : m_rows) {
        least = std::min(least, valueOf(row, what));
        most = std::max(most, valueOf(row, what));
    }
    const double room = std::max(most - least, 0.1 * most) * 0.1;
    axis.setRange(std::max(0.0, least - room), most + room + 1e-6);
    axis.applyNiceNumbers();
}

/// The capacity lies across whichever axis shows memory; it is hidden when colour does.
void ParetoChart::fillLimit() {
    const double capacity = m_figures.in(m_capacity);
    const bool up = m_axes.y == memory;
    m_limit->setVisible(m_axes.colour != memory && !m_rows.empty());
    m_limit->replace(up ? QList<QPointF>{{m_x->min(), capacity}, {m_x->max(), capacity}}
                        : QList<QPointF>{{capacity, m_y->min()}, {capacity, m_y->max()}});
    m_limit->setPen(QPen(palette().color(QPalette::Text), 2.0, Qt::DashLine));
}

int ParetoChart::rowAt(QPointF place) const {
    int nearest = -1;
    double distance = kReach;
    for (int row = 0; row < static_cast<int>(m_rows.size()); ++row) {
        const QPointF away = placeOf(row) - place;
        const double here = std::hypot(away.x(), away.y());
        if (here >= distance) continue;
        distance = here;
        nearest = row;
    }
    return nearest;
}

void ParetoChart::mousePressEvent(QMouseEvent* event) {
    const int row = rowAt(event->position());
    if (row < 0) return;
    choose(row);
    Q_EMIT chosen(row);
}

/// From point to point along the horizontal axis.
void ParetoChart::keyPressEvent(QKeyEvent* event) {
    const int step = event->key() == Qt::Key_Right ? 1 : event->key() == Qt::Key_Left ? -1 : 0;
    if (step == 0 || m_rows.empty()) {
        QChartView::keyPressEvent(event);
        return;
    }
    std::vector<int> order(m_rows.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
    std::ranges::stable_sort(order, {}, [this](int row) { return placeOf(row).x(); });
    const auto at = std::ranges::find(order, m_chosen) - order.begin();
    const auto last = static_cast<std::ptrdiff_t>(order.size()) - 1;
    const auto next = m_chosen < 0 ? 0 : std::clamp<std::ptrdiff_t>(at + step, 0, last);
    choose(order[static_cast<std::size_t>(next)]);
    Q_EMIT chosen(m_chosen);
}

bool ParetoChart::viewportEvent(QEvent* event) {
    if (event->type() != QEvent::ToolTip) return QChartView::viewportEvent(event);
    const auto* help = static_cast<QHelpEvent*>(event);
    const int row = rowAt(help->pos());
    if (row < 0) {
        QToolTip::hideText();
    } else {
        QToolTip::showText(help->globalPos(), noteOf(row), this);
    }
    return true;
}

void ParetoChart::changeEvent(QEvent* event) {
    QChartView::changeEvent(event);
    const bool ours = event->type() == QEvent::PaletteChange || event->type() == QEvent::FontChange;
    if (ours && m_limit != nullptr) fill();
}

}  // namespace headroom::gui
