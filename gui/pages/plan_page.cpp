#include "gui/pages/plan_page.h"

#include <QEvent>
#include <QHBoxLayout>
#include <QScrollArea>
#include <QVBoxLayout>

#include "gui/views/table_view.h"
#include "gui/views/theme.h"
#include "planner/cli/report_engine.h"

namespace headroom::gui {
namespace {

Tone tone_of(Fit fit) {
    return fit == Fit::fits ? Tone::good : fit == Fit::tight ? Tone::warning : Tone::bad;
}

/// The badge says the same three ways: word, sign and colour.
QString sign_of(Fit fit) {
    return fit == Fit::fits    ? QStringLiteral("✔ ")
           : fit == Fit::tight ? QStringLiteral("◐ ")
                               : QStringLiteral("✘ ");
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
    m_timeline = new TimelinePanel(m_session, inside);
    column->addWidget(m_timeline, 1);
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

void PlanPage::resizeEvent(QResizeEvent* event) {
    QWidget::resizeEvent(event);
    arrange();
}

/// Beside each other where both have room, else one below the other.
void PlanPage::arrange() {
    const int line = fontMetrics().height();
    m_tables->setDirection(width() > 52 * line ? QBoxLayout::LeftToRight : QBoxLayout::TopToBottom);
    m_timeline->arrange(width());
}

void PlanPage::changeEvent(QEvent* event) {
    QWidget::changeEvent(event);
    if (event->type() == QEvent::PaletteChange) showBadge();
    if (event->type() != QEvent::FontChange) return;
    enlargeBadge();
    arrange();
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
    m_sentence->setText(kept_together(badge.sentence));
    m_badge->setAccessibleDescription(badge.sentence);
    m_remedies->setText(kept_together(badge.remedies));
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
    m_timeline->clear();
}

void PlanPage::showDetails(const std::shared_ptr<const StepDetails>& details) {
    m_details = details;
    m_bar->setPlaces(memory_places(*details->plan, details->peak));
    m_categories.setRows(category_rows(*details->plan, details->peak));
    m_timeline->showDetails(details);
}

void PlanPage::setFigures(const Figures& figures) {
    m_bar->setFigures(figures);
    m_categories.setFigures(figures);
    m_costs.setFigures(figures);
    m_phases.setFigures(figures);
    showBadge();
}

}  // namespace headroom::gui
