#include "gui/pages/timeline_panel.h"

#include <QVBoxLayout>

#include "gui/views/table_view.h"
#include "planner/plan/stage_profile.h"

namespace headroom::gui {
namespace {

constexpr std::size_t kMoments = 360;

QLabel* heading(const QString& words, QWidget* parent) {
    auto* label = new QLabel(words, parent);
    QFont font = label->font();
    font.setBold(true);
    label->setFont(font);
    return label;
}

}  // namespace

TimelinePanel::TimelinePanel(Session& session, QWidget* parent)
    : QWidget(parent), m_session(session) {
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->addWidget(heading(tr("Memory over one step"), this));
    auto* lead = new QLabel(tr("Colours as above; dashed: capacity; triangle: peak. Click a moment "
                               "to see what is alive there."),
                            this);
    lead->setWordWrap(true);
    column->addWidget(lead);
    m_split = new QSplitter(this);
    m_split->setChildrenCollapsible(false);
    m_chart = new TimelineChart(m_split);
    m_split->addWidget(m_chart);
    m_split->addWidget(makeList());
    m_split->setStretchFactor(0, 3);
    m_split->setStretchFactor(1, 2);
    m_split->setSizes({600, 400});
    // What is left of the page; a chart would rather have more than there is.
    m_split->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Ignored);
    column->addWidget(m_split, 1);
    connect(m_chart, &TimelineChart::momentChosen, this, &TimelinePanel::showMoment);
    connect(&session, &Session::figuresChanged, this, &TimelinePanel::setFigures);
}

QWidget* TimelinePanel::makeList() {
    auto* side = new QWidget(m_split);
    auto* list = new QVBoxLayout(side);
    list->setContentsMargins(0, 0, 0, 0);
    m_moment = new QLabel(side);
    m_moment->setWordWrap(true);
    list->addWidget(m_moment);
    auto* table = make_table(&m_alive, tr("What is alive at that moment"), Sorting::on, side);
    wrap_explanations(table);
    list->addWidget(table, 1);
    return side;
}

void TimelinePanel::arrange(int width) {
    const int line = fontMetrics().height();
    const bool wide = width > 90 * line;
    m_split->setOrientation(wide ? Qt::Horizontal : Qt::Vertical);
    m_split->setMinimumHeight((wide ? 16 : 30) * line);
}

void TimelinePanel::showDetails(const std::shared_ptr<const StepDetails>& details) {
    m_details = details;
    m_chart->setMoments(moments(*details->plan, details->step, kMoments),
                        phase_starts(details->step), details->plan->predicted.capacity);
    showMoment(details->step.peak.op);
}

void TimelinePanel::clear() {
    m_details.reset();
    m_alive.setRows({});
    m_moment->clear();
    m_chart->setMoments({}, {}, {});
}

void TimelinePanel::showMoment(std::size_t op) {
    if (!m_details) return;
    m_op = op;
    const auto& graph = m_details->step.graph;
    const auto alive = alive_at(*m_details->plan, m_details->step, op);
    Bytes sum{};
    for (const auto& category : alive) sum += category.bytes;
    const bool peak = op == m_details->step.peak.op;
    m_moment->setText(tr("%1Op %2, %3 pass: %4\n%5 alive")
                          .arg(peak ? tr("Peak. ") : QString())
                          .arg(op)
                          .arg(text(name(graph.ops[op].phase)), text(describe_op(graph, op)),
                               m_session.figures().memory(sum)));
    m_alive.setRows(alive_rows(alive));
}

void TimelinePanel::setFigures(const Figures& figures) {
    m_chart->setFigures(figures);
    m_alive.setFigures(figures);
    showMoment(m_op);
}

}  // namespace headroom::gui
