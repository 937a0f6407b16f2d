#include "gui/views/live_chart.h"

#include <QEvent>
#include <QPainter>
#include <QPen>
#include <algorithm>

#include "gui/views/chart_style.h"
#include "gui/views/theme.h"

namespace headroom::gui {

LiveChart::LiveChart(QWidget* parent)
    : QChartView(parent),
      m_loss(new QLineSeries),
      m_memory(new QLineSeries),
      m_x(new QValueAxis(this)),
      m_left(new QValueAxis(this)),
      m_right(new QValueAxis(this)) {
    setAccessibleName(tr("Loss and memory of the run"));
    setFrameShape(QFrame::NoFrame);
    m_loss->setName(tr("loss"));
    chart()->addAxis(m_x, Qt::AlignBottom);
    chart()->addAxis(m_left, Qt::AlignLeft);
    chart()->addAxis(m_right, Qt::AlignRight);
    chart()->addSeries(m_loss);
    chart()->addSeries(m_memory);
    m_loss->attachAxis(m_x);
    m_loss->attachAxis(m_left);
    m_memory->attachAxis(m_x);
    m_memory->attachAxis(m_right);
    m_x->setLabelFormat(QStringLiteral("%d"));
    m_x->setTitleText(tr("step"));
    m_left->setTitleText(tr("loss"));
    chart()->legend()->setAlignment(Qt::AlignTop);
    fill();
}

void LiveChart::clear() {
    m_steps.clear();
    fill();
}

void LiveChart::add(const LiveStep& step) {
    m_steps.append(step);
    fill();
}

void LiveChart::setFigures(const Figures& figures) {
    m_figures = figures;
    fill();
}

void LiveChart::fill() {
    style_chart(*chart(), palette());
    setMinimumHeight(12 * fontMetrics().height());
    QList<QPointF> loss;
    QList<QPointF> memory;
    double steps = 1.0;
    double least_loss = m_steps.isEmpty() ? 0.0 : m_steps.first().loss;
    double most_loss = 0.0;
    double most_memory = 0.0;
    for (const auto& each : m_steps) {
        const auto x = static_cast<double>(each.step + 1);
        const double bytes = m_figures.in(each.memory);
        loss.append({x, each.loss});
        memory.append({x, bytes});
        steps = std::max({steps, x, static_cast<double>(each.steps)});
        least_loss = std::min(least_loss, each.loss);
        most_loss = std::max(most_loss, each.loss);
        most_memory = std::max(most_memory, bytes);
    }
    chart()->setVisible(!m_steps.isEmpty());
    m_loss->replace(loss);
    m_memory->replace(memory);
    // A line needs two points to be seen.
    m_loss->setPointsVisible(m_steps.size() == 1);
    m_memory->setPointsVisible(m_steps.size() == 1);
    m_loss->setPen(QPen(categoryStyle(QStringLiteral("activations")).fill, 2.5));
    m_memory->setPen(QPen(categoryStyle(QStringLiteral("parameters")).fill, 2.5, Qt::DashLine));
    m_memory->setName(tr("memory, %1 (dashed)").arg(m_figures.unitName()));
    m_right->setTitleText(tr("memory, %1").arg(m_figures.unitName()));
    // Whole steps have whole labels.
    constexpr double kFewSteps = 10.0;
    if (steps <= kFewSteps) {
        m_x->setRange(1.0, std::max(steps, 2.0));
        m_x->setTickCount(static_cast<int>(std::max(steps, 2.0)));
    } else {
        m_x->setTickCount(6);  // nice numbers need not start from a run of few steps
        set_range(*m_x, steps);
    }
    const double spread = std::max(most_loss - least_loss, 0.05 * most_loss);
    m_left->setRange(std::max(0.0, least_loss - spread * 0.2), most_loss + spread * 0.2 + 1e-6);
    m_left->applyNiceNumbers();
    set_range(*m_right, most_memory * 1.2);
}

void LiveChart::drawForeground(QPainter* painter, const QRectF& rect) {
    QChartView::drawForeground(painter, rect);
    if (!m_steps.isEmpty()) return;
    painter->save();
    painter->resetTransform();
    painter->setFont(font());
    painter->setPen(toneColour(Tone::faint, palette()));
    painter->drawText(viewport()->rect(), Qt::AlignCenter | Qt::TextWordWrap,
                      tr("A run puts its loss and its memory here, step by step."));
    painter->restore();
}

void LiveChart::changeEvent(QEvent* event) {
    QChartView::changeEvent(event);
    const bool ours = event->type() == QEvent::PaletteChange || event->type() == QEvent::FontChange;
    if (ours && m_right != nullptr) fill();
}

}  // namespace headroom::gui
