#include <QSortFilterProxyModel>
#include <algorithm>
#include <array>

#include "gui/pages/plans_page.h"
#include "gui/views/flow_row.h"
#include "planner/spec/knob.h"

namespace headroom::gui {
namespace {

constexpr std::pair<const char*, Aim> kAimWords[] = {
    {"least time", Aim::time}, {"least cost", Aim::cost}, {"least memory", Aim::memory}};

/// They need more width than a window of 1280 has beside the rest.
constexpr std::array kColumnsOnDemand{"data", "tensor", "pipeline", "context", "ZeRO"};

}  // namespace

QLayout* PlansPage::makeQuestion() {
    auto* row = new FlowRow;
    m_aim = new ChoiceBox(this);
    m_aim->setFocusPolicy(Qt::StrongFocus);
    m_aim->setObjectName(QStringLiteral("aim"));
    m_aim->setAccessibleName(tr("What the best plan has least of"));
    for (const auto& [words, aim] : kAimWords) m_aim->addItem(tr(words), static_cast<int>(aim));
    m_holdBatch = new QCheckBox(tr("Hol&d the batch"), this);
    m_holdBatch->setToolTip(tr("Every plan takes as many sequences a step as the present one"));
    m_budget = new NumberBox(0, 1e12, 0, Steps::doubling, this);
    m_budget->setObjectName(QStringLiteral("budget"));
    m_budget->setAccessibleName(tr("Budget in dollars"));
    m_budget->setToolTip(tr("The run must not cost more; needs the tokens of the run. 0: any"));
    m_pinButton = new QToolButton(this);
    m_pinButton->setPopupMode(QToolButton::InstantPopup);
    m_pins = new QMenu(m_pinButton);
    m_pinButton->setMenu(m_pins);
    m_start = new QPushButton(tr("Search"), this);
    m_start->setObjectName(QStringLiteral("search"));
    m_cancel = new QPushButton(tr("Cancel"), this);
    m_progress = new QProgressBar(this);
    m_progress->setRange(0, 100);
    m_progress->setMaximumWidth(180);
    m_progress->setAccessibleName(tr("Progress of the search"));
    row->addItem(labelled(tr("Look for"), m_aim, this));
    row->addWidget(m_holdBatch);
    row->addItem(labelled(tr("budget, $"), m_budget, this));
    for (auto* each : std::initializer_list<QWidget*>{m_pinButton, m_start, m_cancel, m_progress}) {
        row->addWidget(each);
    }
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
    return row;
}

QLayout* PlansPage::makeTools() {
    auto* row = new FlowRow;
    auto* axis = new ChoiceBox(this);  // the keyboard goes from field to field as they are made
    for (const auto& each : pareto_axes()) axis->addItem(words_of(each));
    axis->setAccessibleName(tr("Axes of the chart"));
    m_filter = new PromptLine(tr("filter, as in zero=3"), this);
    m_filter->setObjectName(QStringLiteral("filter"));
    m_filter->setAccessibleName(tr("Filter"));
    auto* columns = new QToolButton(this);
    columns->setText(tr("Columns"));
    columns->setPopupMode(QToolButton::InstantPopup);
    m_columns = new QMenu(columns);
    columns->setMenu(m_columns);
    auto* adopt = new QPushButton(tr("Adop&t the selected plan"), this);
    for (auto* each : std::initializer_list<QWidget*>{axis, m_filter, columns, adopt}) {
        row->addWidget(each);
    }
    connect(m_filter, &QLineEdit::textChanged, this, [this](const QString& typed) {
        static_cast<QSortFilterProxyModel*>(m_table->model())->setFilterFixedString(typed);
    });
    connect(axis, &QComboBox::activated, this,
            [this](int at) { m_chart->setAxes(pareto_axes()[static_cast<std::size_t>(at)]); });
    connect(adopt, &QPushButton::clicked, this, &PlansPage::adoptSelected);
    return row;
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

}  // namespace headroom::gui
