#include "gui/pages/plans_page.h"

#include <QHBoxLayout>
#include <QHeaderView>
#include <QSignalBlocker>
#include <QSortFilterProxyModel>
#include <QSplitter>
#include <QVBoxLayout>
#include <algorithm>
#include <array>

#include "gui/document/edits.h"
#include "gui/views/table_view.h"
#include "planner/base/error.h"
#include "planner/spec/knob.h"

namespace headroom::gui {
namespace {

constexpr std::pair<const char*, Aim> kAimWords[] = {
    {"least time", Aim::time}, {"least cost", Aim::cost}, {"least memory", Aim::memory}};

/// They need more width than a window of 1280 has beside the rest.
constexpr std::array kColumnsOnDemand{"data", "tensor", "pipeline", "context", "ZeRO"};

QSortFilterProxyModel& proxy_of(const QTableView& table) {
    return *static_cast<QSortFilterProxyModel*>(table.model());
}

}  // namespace

PlansPage::PlansPage(Session& session, QWidget* parent) : QWidget(parent), m_session(session) {
    auto* column = new QVBoxLayout(this);
    column->addLayout(makeQuestion());
    m_status = new QLabel(tr("Search looks through every configuration of this model on these "
                             "GPUs; settings that are pinned stay."),
                          this);
    m_status->setWordWrap(true);
    column->addWidget(m_status);
    auto* split = new QSplitter(Qt::Vertical, this);
    m_chart = new ParetoChart(split);
    m_table = make_table(&m_candidates, tr("Plans"), Sorting::on, split);
    wrap_explanations(m_table);
    m_table->setSelectionMode(QAbstractItemView::SingleSelection);
    split->addWidget(m_chart);
    split->addWidget(m_table);
    split->setSizes({320, 280});
    column->addLayout(makeTools());
    column->addWidget(split, 1);
    fillPins();
    fillColumns();
    setBusy(false);
    refresh();
    connect(&session.document, &PlanDocument::questionChanged, this, &PlansPage::refresh);
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

QLayout* PlansPage::makeQuestion() {
    auto* lines = new QVBoxLayout;
    auto* line = new QHBoxLayout;
    auto* after = new QHBoxLayout;
    m_aim = new ChoiceBox(this);
    m_aim->setFocusPolicy(Qt::StrongFocus);
    m_aim->setObjectName(QStringLiteral("aim"));
    m_aim->setAccessibleName(tr("What the best plan has least of"));
    for (const auto& [words, aim] : kAimWords) m_aim->addItem(tr(words), static_cast<int>(aim));
    m_holdBatch = new QCheckBox(tr("&Hold the batch"), this);
    m_holdBatch->setToolTip(tr("Every plan takes as many sequences a step as the present one"));
    m_budget = new NumberBox(0, 1e12, 0, Steps::doubling, this);
    m_budget->setObjectName(QStringLiteral("budget"));
    m_budget->setAccessibleName(tr("Budget in dollars"));
    m_budget->setToolTip(tr("The run must not cost more; needs the tokens of the run. 0: any"));
    m_pinButton = new QToolButton(this);
    m_pinButton->setPopupMode(QToolButton::InstantPopup);
    m_pins = new QMenu(m_pinButton);
    m_pinButton->setMenu(m_pins);
    m_start = new QPushButton(tr("&Search"), this);
    m_start->setObjectName(QStringLiteral("search"));
    m_cancel = new QPushButton(tr("&Cancel"), this);
    m_progress = new QProgressBar(this);
    m_progress->setRange(0, 100);
    m_progress->setMaximumWidth(180);
    m_progress->setAccessibleName(tr("Progress of the search"));
    line->addWidget(new QLabel(tr("Look for"), this));
    line->addWidget(m_aim);
    line->addWidget(m_holdBatch);
    line->addWidget(new QLabel(tr("budget, $"), this));
    line->addWidget(m_budget);
    line->addStretch(1);
    after->addWidget(m_pinButton);
    after->addWidget(m_start);
    after->addWidget(m_cancel);
    after->addWidget(m_progress);
    after->addStretch(1);
    lines->addLayout(line);
    lines->addLayout(after);
    connect(m_aim, &QComboBox::activated, this, [this] {
        auto next = m_session.document.question();
        next.aim = static_cast<Aim>(m_aim->currentData().toInt());
        editQuestion(next, tr("aim of the search"));
    });
    connect(m_holdBatch, &QCheckBox::clicked, this, [this](bool on) {
        auto next = m_session.document.question();
        next.batch = on ? Batch::held : Batch::chosen;
        editQuestion(next, tr("batch of the search"));
    });
    connect(m_budget, &QDoubleSpinBox::valueChanged, this, [this](double dollars) {
        auto next = m_session.document.question();
        next.budget = dollars;
        editQuestion(next, tr("budget"), QStringLiteral("budget"));
    });
    connect(m_start, &QPushButton::clicked, this, &PlansPage::startSearch);
    connect(m_cancel, &QPushButton::clicked, this, &PlansPage::cancelSearch);
    return lines;
}

QLayout* PlansPage::makeTools() {
    auto* line = new QHBoxLayout;
    m_filter = new QLineEdit(this);
    m_filter->setPlaceholderText(tr("filter, as in zero=3"));
    m_filter->setClearButtonEnabled(true);
    m_filter->setAccessibleName(tr("Filter"));
    auto* columns = new QToolButton(this);
    columns->setText(tr("Columns"));
    columns->setPopupMode(QToolButton::InstantPopup);
    m_columns = new QMenu(columns);
    columns->setMenu(m_columns);
    auto* axis = new ChoiceBox(this);
    for (const auto& each : pareto_axes()) axis->addItem(words_of(each));
    axis->setAccessibleName(tr("Axes of the chart"));
    auto* adopt = new QPushButton(tr("&Adopt the selected plan"), this);
    line->addWidget(axis);
    line->addWidget(m_filter, 1);
    line->addWidget(columns);
    line->addWidget(adopt);
    connect(m_filter, &QLineEdit::textChanged, this,
            [this](const QString& typed) { proxy_of(*m_table).setFilterFixedString(typed); });
    connect(axis, &QComboBox::activated, this,
            [this](int at) { m_chart->setAxes(pareto_axes()[static_cast<std::size_t>(at)]); });
    connect(adopt, &QPushButton::clicked, this, &PlansPage::adoptSelected);
    return line;
}

void PlansPage::fillPins() {
    for (const auto& knob : knobs()) {
        auto* action = m_pins->addAction(text(knob.name));
        action->setCheckable(true);
        action->setToolTip(text(knob.help));
        connect(action, &QAction::triggered, this,
                [this, action](bool on) { pin(action->text(), on); });
    }
    m_pins->setToolTipsVisible(true);
    m_pins->setStyleSheet(QStringLiteral("QMenu { menu-scrollable: 1; }"));
}

void PlansPage::fillColumns() {
    for (int i = 0; i < m_candidates.columnCount({}); ++i) {
        auto* action = m_columns->addAction(
            m_candidates.headerData(i, Qt::Horizontal, Qt::DisplayRole).toString());
        action->setCheckable(true);
        connect(action, &QAction::toggled, this, [this, i](bool on) {
            m_table->setColumnHidden(i, !on);
            m_table->resizeRowsToContents();
        });
        // What a plan has differently is said in words; its layout takes columns when asked for.
        action->setChecked(true);
        action->setChecked(std::ranges::none_of(kColumnsOnDemand, [action](const char* title) {
            return action->text() == QLatin1String(title);
        }));
    }
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

void PlansPage::setBusy(bool busy) {
    m_start->setEnabled(!busy);
    m_cancel->setEnabled(busy);
    m_progress->setVisible(busy);
    m_progress->setValue(0);
}

void PlansPage::take(const SearchResult& result) {
    setBusy(false);
    auto rows = candidate_rows(result);
    const auto effort =
        tr("%1 configurations, %2 ruled out by bounds, %3 evaluated, in %4.")
            .arg(text(with_thousands(result.space)), text(with_thousands(result.bounded)),
                 text(with_thousands(result.evaluated)), text(result.took));
    m_status->setText(result.best
                          ? effort
                          : tr("Nothing fits. Closest: %1. ").arg(text(result.nearest)) + effort);
    m_chart->setRows(rows, m_session.document.request().hardware.profile.memory_capacity);
    m_candidates.setRows(std::move(rows));
    selectRow(0);
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
