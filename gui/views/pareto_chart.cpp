#include "gui/views/pareto_chart.h"

#include <QMouseEvent>
#include <QtCharts/QLegendMarker>
#include <algorithm>
#include <cmath>

#include "gui/views/chart_style.h"
#include "gui/views/theme.h"

namespace headroom::gui {
namespace {

constexpr double kReach = 24.0;  ///< pixels from a point that still mean it

QScatterSeries* scatter(const QString& name, QScatterSeries::MarkerShape shape, double size) {
    auto* series = new QScatterSeries;
    series->setName(name);
    series->setMarkerShape(shape);
    series->setMarkerSize(size);
    return series;
}

}  // namespace

ParetoChart::ParetoChart(QWidget* parent)
    : QChartView(parent),
      m_points{scatter({}, QScatterSeries::MarkerShapeCircle, 11.0),
               scatter({}, QScatterSeries::MarkerShapeTriangle, 13.0),
               scatter({}, QScatterSeries::MarkerShapeRectangle, 10.0)},
      m_best(scatter(tr("the best"), QScatterSeries::MarkerShapeStar, 19.0)),
      m_mark(scatter(tr("chosen"), QScatterSeries::MarkerShapeRectangle, 21.0)),
      m_limit(new QLineSeries),
      m_x(new QValueAxis(this)),
      m_y(new QValueAxis(this)) {
    setAccessibleName(tr("Plans by memory, time and price"));
    setFrameShape(QFrame::NoFrame);
    setMinimumHeight(200);
    m_limit->setName(tr("capacity"));
    chart()->addAxis(m_x, Qt::AlignBottom);
    chart()->addAxis(m_y, Qt::AlignLeft);
    for (QXYSeries* series :
         {static_cast<QXYSeries*>(m_limit), static_cast<QXYSeries*>(m_mark),
          static_cast<QXYSeries*>(m_points[0]), static_cast<QXYSeries*>(m_points[1]),
          static_cast<QXYSeries*>(m_points[2]), static_cast<QXYSeries*>(m_best)}) {
        chart()->addSeries(series);
        series->attachAxis(m_x);
        series->attachAxis(m_y);
    }
    m_x->setLabelFormat(QStringLiteral("%g"));
    m_y->setLabelFormat(QStringLiteral("%g"));
    chart()->legend()->setAlignment(Qt::AlignTop);
    chart()->legend()->setMarkerShape(QLegend::MarkerShapeFromSeries);
    fill();
}

void ParetoChart::setRows(std::vector<CandidateRow> rows, Bytes capacity) {
    m_rows = std::move(rows);
    m_capacity = capacity;
    m_chosen = -1;
    fill();
}

void ParetoChart::setAxis(ParetoAxis axis) {
    m_axis = axis;
    fill();
}

void ParetoChart::setFigures(const Figures& figures) {
    m_figures = figures;
    fill();
}

void ParetoChart::choose(int row) {
    m_chosen = row;
    fill();
}

QPointF ParetoChart::pointOf(const CandidateRow& row) const {
    const double x = m_axis == ParetoAxis::time ? row.candidate.step.count()
                                                : row.candidate.usd_per_million_tokens;
    return {x, m_figures.in(row.candidate.memory)};
}

double ParetoChart::otherOf(const CandidateRow& row) const {
    return m_axis == ParetoAxis::time ? row.candidate.usd_per_million_tokens
                                      : row.candidate.step.count();
}

void ParetoChart::fill() {
    style_chart(*chart(), palette());
    fillAxes();
    fillPoints();
    paintSeries();
    setAccessibleDescription(tr("%1 plans that nothing beats at once").arg(m_rows.size()));
}

void ParetoChart::fillAxes() {
    m_x->setTitleText(m_axis == ParetoAxis::time ? tr("seconds a step") : tr("$ a million tokens"));
    m_y->setTitleText(tr("%1 a GPU").arg(m_figures.unitName()));
    const double capacity = m_figures.in(m_capacity);
    QPointF most(0.0, capacity);
    double least = m_rows.empty() ? 0.0 : pointOf(m_rows.front()).x();
    for (const auto& row : m_rows) {
        const QPointF at = pointOf(row);
        least = std::min(least, at.x());
        most = {std::max(most.x(), at.x()), std::max(most.y(), at.y())};
    }
    const double spread = std::max(most.x() - least, 0.1 * most.x());
    m_x->setRange(std::max(0.0, least - spread * 0.1), most.x() + spread * 0.1 + 1e-6);
    m_x->applyNiceNumbers();
    set_range(*m_y, most.y() * 1.08);
    m_limit->replace(QList<QPointF>{{m_x->min(), capacity}, {m_x->max(), capacity}});
}

void ParetoChart::fillPoints() {
    std::vector<double> sorted;
    for (const auto& row : m_rows) sorted.push_back(otherOf(row));
    std::ranges::sort(sorted);
    std::array<QList<QPointF>, kThirds> thirds;
    QList<QPointF> best;
    QList<QPointF> mark;
    for (std::size_t i = 0; i < m_rows.size(); ++i) {
        const QPointF at = pointOf(m_rows[i]);
        const auto below = std::ranges::lower_bound(sorted, otherOf(m_rows[i])) - sorted.begin();
        const auto third = static_cast<std::size_t>(below) * kThirds / m_rows.size();
        (m_rows[i].best ? best : thirds[third]).append(at);
        if (static_cast<int>(i) == m_chosen) mark.append(at);
    }
    for (std::size_t i = 0; i < kThirds; ++i) m_points[i]->replace(thirds[i]);
    m_best->replace(best);
    m_mark->replace(mark);
}

void ParetoChart::paintSeries() {
    const bool price = m_axis == ParetoAxis::time;
    const std::array<QString, kThirds> names{price ? tr("cheapest third") : tr("fastest third"),
                                             tr("middle third"),
                                             price ? tr("dearest third") : tr("slowest third")};
    const std::array<QString, kThirds> categories{
        QStringLiteral("parameters"), QStringLiteral("activations"), QStringLiteral("optimizer")};
    for (std::size_t i = 0; i < kThirds; ++i) {
        m_points[i]->setName(names[i]);
        for (auto* marker : chart()->legend()->markers(m_points[i])) {
            marker->setVisible(!names[i].isEmpty());
        }
        m_points[i]->setColor(categoryStyle(categories[i]).fill);
        m_points[i]->setBorderColor(palette().color(QPalette::Base));
    }
    m_limit->setPen(QPen(palette().color(QPalette::Text), 2.0, Qt::DashLine));
    m_best->setColor(categoryStyle(QStringLiteral("gradients")).fill);
    m_best->setBorderColor(palette().color(QPalette::Text));
    m_mark->setColor(Qt::transparent);
    m_mark->setBorderColor(palette().color(QPalette::Highlight));
    m_mark->setPen(QPen(palette().color(QPalette::Highlight), 3.0));
}

void ParetoChart::mousePressEvent(QMouseEvent* event) {
    int nearest = -1;
    double distance = kReach;
    for (std::size_t i = 0; i < m_rows.size(); ++i) {
        const auto at =
            mapFromScene(chart()->mapToScene(chart()->mapToPosition(pointOf(m_rows[i]), m_limit)));
        const double here = std::hypot(at.x() - event->pos().x(), at.y() - event->pos().y());
        if (here < distance) {
            distance = here;
            nearest = static_cast<int>(i);
        }
    }
    if (nearest < 0) return;
    choose(nearest);
    Q_EMIT chosen(nearest);
}

void ParetoChart::changeEvent(QEvent* event) {
    QChartView::changeEvent(event);
    const bool ours = event->type() == QEvent::PaletteChange || event->type() == QEvent::FontChange;
    if (ours && m_limit != nullptr) fill();
}

}  // namespace headroom::gui
