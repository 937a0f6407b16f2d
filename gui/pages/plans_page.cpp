#include "gui/pages/plans_page.h"

#include <QSignalBlocker>
#include <QSortFilterProxyModel>
#include <QSplitter>
#include <QVBoxLayout>
#include <algorithm>

#include "gui/document/edits.h"
#include "gui/views/kept_height.h"
#include "gui/views/table_view.h"
#include "planner/base/error.h"
#include "planner/cli/report_engine.h"

namespace headroom::gui {
namespace {

/// Columns of the table that say least: what is asked for, and what follows from the step.
constexpr int kTokens = 2;
constexpr int kGpus = 5;

QSortFilterProxyModel& proxy_of(const QTableView& table) {
    return *static_cast<QSortFilterProxyModel*>(table.model());
}

QString lead() {
    return PlansPage::tr(
        "Search looks through every configuration of this model on these GPUs; settings that are "
        "pinned stay.");
}

/// Whether a search for one is a search for the other, but for what it chooses itself.
bool same_subject(const PlanRequest& a, const PlanRequest& b) {
    return a.model == b.model && a.hardware == b.hardware && a.engine == b.engine &&
           a.train.goal == b.train.goal && a.train.sequence == b.train.sequence;
}

QString effort_words(const SearchResult& result) {
    return PlansPage::tr("%1 configurations, %2 ruled out by bounds, %3 evaluated, in %4.")
        .arg(text(with_thousands(result.space)), text(with_thousands(result.bounded)),
             text(with_thousands(result.evaluated)), kept_together(text(result.took)));
}

/// Where nothing fits, what came closest, as far as that is known.
QString outcome_words(const SearchResult& result) {
    if (result.best) return {};
    const auto nearest = result.nearest.empty()
                             ? QString()
                             : PlansPage::tr("Closest: %1. ").arg(text(result.nearest));
    return PlansPage::tr("Nothing fits. ") + nearest;
}

}  // namespace

PlansPage::PlansPage(Session& session, QWidget* parent) : QWidget(parent), m_session(session) {
    auto* column = new QVBoxLayout(this);
    column->addLayout(makeQuestion());
    m_status = new QLabel(lead(), this);
    m_status->setWordWrap(true);
    column->addWidget(m_status);
    column->addLayout(makeTools());
    auto* split = new QSplitter(Qt::Vertical, this);
    m_chart = new ParetoChart(split);
    m_table = make_table(&m_candidates, tr("Plans"), Sorting::on, split);
    wrap_explanations(m_table);
    spare_columns(m_table, {kGpus, kTokens});
    m_table->setSelectionMode(QAbstractItemView::SingleSelection);
    proxy_of(*m_table).setFilterRole(kWordsRole);
    proxy_of(*m_table).setFilterKeyColumn(0);
    split->addWidget(m_chart);
    split->addWidget(m_table);
    split->setSizes({320, 280});
    column->addWidget(split, 1);
    new KeptHeight(this);
    fillPins();
    fillColumns();
    setBusy(false);
    refresh();
    connect(&session.document, &PlanDocument::questionChanged, this, &PlansPage::refresh);
    connect(&session.document, &PlanDocument::requestChanged, this, &PlansPage::dropOutdated);
    connect(&session.planner, &Planner::searchProgressed, this, [this](qint64 done, qint64 space) {
        if (space > 0) m_progress->setValue(static_cast<int>(100 * done / space));
    });
    connect(&session.planner, &Planner::searchEnded, this,
            [this](const std::shared_ptr<const SearchResult>& result) { take(*result); });
    connect(&session.planner, &Planner::searchRefused, this, [this](const QString& sentence) {
        setBusy(false);
        m_status->setText(sentence);
    });
    connect(&session, &Session::figuresChanged, this, [this](const Figures& figures) {
        m_candidates.setFigures(figures);
        m_chart->setFigures(figures);
    });
    connect(m_chart, &ParetoChart::chosen, this, &PlansPage::selectRow);
    connect(m_table->selectionModel(), &QItemSelectionModel::selectionChanged, this,
            [this] { m_chart->choose(selectedRow()); });
    connect(m_table, &QTableView::activated, this, &PlansPage::adoptSelected);
}

const std::vector<std::string>& PlansPage::pinned() const {
    return m_session.document.question().pins;
}

void PlansPage::pin(const QString& knob, bool on) {
    editQuestion(with_pin(m_session.document.question(), knob.toStdString(), on),
                 on ? tr("pin %1").arg(knob) : tr("unpin %1").arg(knob));
}

void PlansPage::editQuestion(const SearchQuestion& next, const QString& text,
                             const QString& field) {
    m_session.document.editQuestion(next, text, field);
}

void PlansPage::refresh() {
    const auto& question = m_session.document.question();
    const QSignalBlocker quiet(m_budget);
    m_aim->setCurrentIndex(m_aim->findData(static_cast<int>(question.aim)));
    m_holdBatch->setChecked(question.batch == Batch::held);
    if (m_budget->value() != question.budget) m_budget->setValue(question.budget);
    for (auto* action : m_pins->actions()) {
        action->setChecked(std::ranges::find(question.pins, action->text().toStdString()) !=
                           question.pins.end());
    }
    m_pinButton->setText(tr("Pinned: %1").arg(question.pins.size()));
}

void PlansPage::startSearch() {
    const auto& draft = m_session.document.draft();
    if (!is_complete(draft.request)) {
        m_status->setText(refusal_of(draft.request));
        return;
    }
    try {
        const auto search = search_request(draft);
        m_asked = draft.request;
        setBusy(true);
        m_status->setText(tr("Searching…"));
        m_session.planner.search(search);
    } catch (const InputError& error) {
        m_status->setText(QString::fromUtf8(error.what()));
    }
}

void PlansPage::cancelSearch() {
    m_session.planner.cancelSearch();
    setBusy(false);
    m_status->setText(tr("The search was cancelled."));
}

/// The plans are of a request that is no longer the document's: adopting one would bring it back.
void PlansPage::dropOutdated() {
    if (same_subject(m_asked, m_session.document.request())) return;
    m_session.planner.cancelSearch();
    setBusy(false);
    m_status->setText(lead());
    m_candidates.setRows({});
    m_chart->setRows({}, {});
    m_chart->setEmptyWords({});
}

void PlansPage::setBusy(bool busy) {
    m_start->setEnabled(!busy);
    m_cancel->setEnabled(busy);
    m_progress->setVisible(busy);
    m_progress->setValue(0);
}

void PlansPage::take(const SearchResult& result) {
    setBusy(false);
    auto rows = candidate_rows(result);
    auto words = outcome_words(result) + effort_words(result);
    if (cli::names_framework(m_asked)) {
        words += tr(" Memory and time are the forecast for %1.").arg(text(m_asked.engine));
    }
    m_status->setText(words);
    m_chart->setEmptyWords(tr("No plan fits."));
    m_chart->setRows(rows, m_asked.hardware.profile.memory_capacity);
    const auto best = std::ranges::find_if(rows, &CandidateRow::best) - rows.begin();
    m_candidates.setRows(std::move(rows));
    selectRow(static_cast<int>(best));
}

void PlansPage::selectRow(int row) {
    const auto at = proxy_of(*m_table).mapFromSource(m_candidates.index(row, 0));
    if (at.isValid()) m_table->selectRow(at.row());
}

int PlansPage::selectedRow() const {
    const auto chosen = m_table->selectionModel()->selectedRows();
    return chosen.isEmpty() ? -1 : proxy_of(*m_table).mapToSource(chosen.first()).row();
}

void PlansPage::adoptSelected() {
    const int row = selectedRow();
    if (row < 0) return;
    m_session.document.edit(m_candidates.row(row).candidate.request, tr("plan of the search"));
}

}  // namespace headroom::gui
