#include "gui/pages/plan_page.h"

#include <QEvent>
#include <QHBoxLayout>
#include <QScrollArea>
#include <QSplitter>
#include <QVBoxLayout>

#include "gui/views/table_view.h"
#include "gui/views/theme.h"
#include "planner/cli/report_engine.h"
#include "planner/plan/stage_profile.h"

namespace headroom::gui {
namespace {

constexpr std::size_t kMoments = 360;

Tone tone_of(Fit fit) {
    return fit == Fit::fits ? Tone::good : fit == Fit::tight ? Tone::warning : Tone::bad;
}

/// The badge says the same three ways: word, sign and colour.
QString sign_of(Fit fit) {
    return fit == Fit::fits    ? QStringLiteral("✔ ")
           : fit == Fit::tight ? QStringLiteral("◐ ")
                               : QStringLiteral("✘ ");
}

QLabel* heading(const QString& words, QWidget* parent) {
    auto* label = new QLabel(words, parent);
    QFont font = label->font();
    font.setBold(true);
    label->setFont(font);
    return label;
}

}  // namespace

PlanPage::PlanPage(Session& session, QWidget* parent) : QWidget(parent), m_session(session) {
    auto* area = new QScrollArea(this);
    area->setWidgetResizable(true);
    area->setFrameShape(QFrame::NoFrame);
    area->setAccessibleName(tr("Plan"));
    auto* inside = new QWidget(area);
    auto* column = new QVBoxLayout(inside);
    column->addWidget(makeTop());
    column->addWidget(makeTables());
    column->addWidget(makeTimeline(), 1);
    area->setWidget(inside);
    auto* all = new QVBoxLayout(this);
    all->setContentsMargins(0, 0, 0, 0);
    all->addWidget(area);
    connect(&session.planner, &Planner::planChanged, this, &PlanPage::showPlan);
    connect(&session.planner, &Planner::detailsChanged, this, &PlanPage::showDetails);
    connect(&session.planner, &Planner::forecastChanged, this, &PlanPage::showBadge);
    connect(&session.planner, &Planner::forecastRefused, this,
            [this](const QString& sentence) { showWord(tr("No forecast"), sentence); });
    connect(&session.planner, &Planner::planRefused, this, &PlanPage::clear);
    connect(&session, &Session::figuresChanged, this, &PlanPage::setFigures);
    connect(m_timeline, &TimelineChart::momentChosen, this, &PlanPage::showMoment);
}

QWidget* PlanPage::makeTop() {
    auto* box = new QWidget(this);
    auto* column = new QVBoxLayout(box);
    column->setContentsMargins(0, 0, 0, 0);
    auto* line = new QHBoxLayout;
    m_badge = new QLabel(tr("No plan"), box);
    m_badge->setObjectName(QStringLiteral("badge"));
    m_badge->setAccessibleName(tr("Verdict"));
    enlargeBadge();
    m_sentence = new QLabel(tr("Choose a model and a GPU."), box);
    m_sentence->setWordWrap(true);
    m_sentence->setTextInteractionFlags(Qt::TextSelectableByMouse);
    line->addWidget(m_badge);
    line->addSpacing(12);
    line->addWidget(m_sentence, 1);
    m_remedies = new QLabel(box);
    m_remedies->setWordWrap(true);
    m_remedies->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_remedies->hide();
    m_bar = new MemoryBar(box);
    m_forecast = new ForecastPanel(m_session, box);
    column->addLayout(line);
    column->addWidget(m_remedies);
    column->addWidget(m_forecast);
    column->addWidget(m_bar);
    return box;
}

QWidget* PlanPage::makeTables() {
    auto* box = new QWidget(this);
    auto* line = new QBoxLayout(QBoxLayout::LeftToRight, box);
    m_tables = line;
    line->setContentsMargins(0, 0, 0, 0);
    auto* left = new QVBoxLayout;
    auto* memory = make_table(&m_categories, tr("Memory by category"), Sorting::off, box);
    wrap_explanations(memory);
    fit_height(memory);
    auto* phases = make_table(&m_phases, tr("Memory of each part of the run"), Sorting::off, box);
    keep_columns(phases);
    fit_height(phases);
    left->addWidget(memory);
    left->addWidget(phases);
    left->addStretch(1);
    auto* cost = make_table(&m_costs, tr("Cost"), Sorting::off, box);
    wrap_explanations(cost);
    fit_height(cost);
    auto* right = new QVBoxLayout;
    right->addWidget(cost);
    right->addStretch(1);
    line->addLayout(left, 1);
    line->addLayout(right, 1);
    return box;
}

QWidget* PlanPage::makeTimeline() {
    auto* box = new QWidget(this);
    auto* column = new QVBoxLayout(box);
    column->setContentsMargins(0, 0, 0, 0);
    column->addWidget(heading(tr("Memory over one step"), box));
    auto* lead = new QLabel(tr("Colours as above; dashed: capacity; triangle: peak. Click a moment "
                               "to see what is alive there."),
                            box);
    lead->setWordWrap(true);
    column->addWidget(lead);
    auto* split = new QSplitter(box);
    split->setChildrenCollapsible(false);
    m_timeline = new TimelineChart(split);
    auto* side = new QWidget(split);
    auto* list = new QVBoxLayout(side);
    list->setContentsMargins(0, 0, 0, 0);
    m_moment = new QLabel(side);
    m_moment->setWordWrap(true);
    list->addWidget(m_moment);
    auto* alive = make_table(&m_alive, tr("What is alive at that moment"), Sorting::on, side);
    wrap_explanations(alive);
    list->addWidget(alive, 1);
    split->addWidget(m_timeline);
    split->addWidget(side);
    split->setStretchFactor(0, 3);
    split->setStretchFactor(1, 2);
    split->setSizes({600, 400});
    // What is left of the page; a chart would rather have more than there is.
    split->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Ignored);
    m_timelineSplit = split;
    column->addWidget(split, 1);
    return box;
}

/// Beside each other where both have room, else one below the other.
void PlanPage::resizeEvent(QResizeEvent* event) {
    QWidget::resizeEvent(event);
    const int line = fontMetrics().height();
    const bool wide = width() > 90 * line;
    m_tables->setDirection(width() > 52 * line ? QBoxLayout::LeftToRight : QBoxLayout::TopToBottom);
    m_timelineSplit->setOrientation(wide ? Qt::Horizontal : Qt::Vertical);
    m_timelineSplit->setMinimumHeight((wide ? 16 : 30) * line);
}

void PlanPage::changeEvent(QEvent* event) {
    QWidget::changeEvent(event);
    if (event->type() == QEvent::PaletteChange) showBadge();
    if (event->type() == QEvent::FontChange) enlargeBadge();
}

void PlanPage::enlargeBadge() {
    QFont large = font();
    large.setPointSizeF(large.pointSizeF() * 1.5);
    large.setBold(true);
    m_badge->setFont(large);
}

void PlanPage::showPlan(const std::shared_ptr<const Plan>& plan) {
    m_plan = plan;
    m_bar->setPlaces(memory_places(*plan, {}));
    // Its formulas come with the details, at once: no height changes twice for one plan.
    if (!m_details) m_categories.setRows(category_rows(*plan, {}));
    m_details.reset();
    m_costs.setRows(cost_rows(*plan));
    m_phases.setRows(phase_rows(*plan));
    showBadge();  // where a framework has the last word, it waits for the forecast
}

void PlanPage::showBadge() {
    const auto& forecast = m_session.planner.forecast();
    if (!m_plan || (!forecast && cli::names_framework(m_plan->request))) return;
    const auto& figures = m_session.figures();
    const auto badge = forecast ? forecast_badge(*forecast, figures) : fit_badge(*m_plan, figures);
    QPalette colours = palette();
    colours.setColor(QPalette::WindowText, toneColour(tone_of(badge.fit), colours));
    m_badge->setPalette(colours);
    m_badge->setText(sign_of(badge.fit) + badge.word);
    m_sentence->setText(badge.sentence);
    m_badge->setAccessibleDescription(badge.sentence);
    m_remedies->setText(badge.remedies);
    m_remedies->setVisible(!badge.remedies.isEmpty());
}

void PlanPage::showWord(const QString& word, const QString& sentence) {
    m_badge->setPalette(palette());
    m_badge->setText(word);
    m_sentence->setText(sentence);
    m_remedies->hide();
}

/// There is no plan: nothing of the one before is left to be taken for it.
void PlanPage::clear(const QString& sentence) {
    m_plan.reset();
    m_details.reset();
    showWord(tr("No plan"), sentence);
    m_bar->setPlaces({});
    m_categories.setRows({});
    m_costs.setRows({});
    m_phases.setRows({});
    m_alive.setRows({});
    m_moment->clear();
    m_timeline->setMoments({}, {}, {});
}

void PlanPage::showDetails(const std::shared_ptr<const StepDetails>& details) {
    m_details = details;
    m_bar->setPlaces(memory_places(*details->plan, details->peak));
    m_categories.setRows(category_rows(*details->plan, details->peak));
    m_timeline->setMoments(moments(*details->plan, details->step, kMoments),
                           phase_starts(details->step), details->plan->predicted.capacity);
    showMoment(details->step.peak.op);
}

void PlanPage::showMoment(std::size_t op) {
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

void PlanPage::setFigures(const Figures& figures) {
    m_bar->setFigures(figures);
    m_timeline->setFigures(figures);
    m_categories.setFigures(figures);
    m_costs.setFigures(figures);
    m_phases.setFigures(figures);
    m_alive.setFigures(figures);
    showMoment(m_op);
    showBadge();
}

}  // namespace headroom::gui
