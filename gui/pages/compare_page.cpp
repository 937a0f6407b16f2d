#include "gui/pages/compare_page.h"

#include <QFileDialog>
#include <QFileInfo>
#include <QPushButton>
#include <QSignalBlocker>
#include <QVBoxLayout>

#include "gui/document/open_file.h"
#include "gui/views/flow_row.h"
#include "gui/views/kept_height.h"
#include "gui/views/table_view.h"
#include "planner/base/error.h"
#include "planner/cli/report_engine.h"

namespace headroom::gui {
namespace {

/// "A", "B" … "Z", "27".
QString letter(std::size_t index) {
    return index < 26 ? QString(QChar(static_cast<char16_t>(u'A' + index)))
                      : QString::number(index + 1);
}

/// "A: fsdp" of each plan that a framework is to run.
QStringList of_frameworks(const std::vector<NamedPlan>& plans) {
    QStringList out;
    for (std::size_t i = 0; i < plans.size(); ++i) {
        const auto& request = plans[i].plan->request;
        if (!cli::names_framework(request)) continue;
        out.append(letter(i) + QStringLiteral(": ") + text(request.engine));
    }
    return out;
}

}  // namespace

ComparePage::ComparePage(Session& session, QWidget* parent)
    : QWidget(parent),
      m_session(session),
      m_predict(
          [](const PlanRequest& request, const std::stop_token&) {
              return std::make_shared<const Plan>(predict(request));
          },
          [this](auto outcome) {
              if (auto* refusal = std::get_if<Refusal>(&outcome)) {
                  m_session.tell(refusal->sentence);
              } else {
                  add(m_predicting, std::get<0>(outcome));
              }
          }) {
    auto* column = new QVBoxLayout(this);
    auto* row = new FlowRow;
    auto* keep = new QPushButton(tr("Keep the present plan"), this);
    auto* open = new QPushButton(tr("A&dd from a file…"), this);
    auto* remove = new QPushButton(tr("Remove the las&t"), this);
    m_baseline = new ChoiceBox(this);
    m_baseline->setAccessibleName(tr("Baseline"));
    m_baseline->setSizeAdjustPolicy(QComboBox::AdjustToContents);
    row->addWidget(keep);
    row->addWidget(open);
    row->addWidget(remove);
    row->addItem(labelled(tr("baseline"), m_baseline, this));
    m_table = make_table(&m_model, tr("Plans side by side"), Sorting::off, this);
    keep_columns(m_table);
    keep_first_column(m_table);
    auto* lead = new QLabel(tr("Keep a plan, change something, keep the next: what differs is in "
                               "bold."),
                            this);
    lead->setWordWrap(true);
    m_frameworks = new QLabel(this);
    m_frameworks->setWordWrap(true);
    m_frameworks->setObjectName(QStringLiteral("frameworks"));
    column->addLayout(row);
    column->addWidget(lead);
    column->addWidget(m_frameworks);
    column->addWidget(m_table, 1);
    new KeptHeight(this);
    connect(keep, &QPushButton::clicked, this, &ComparePage::keepPresent);
    connect(open, &QPushButton::clicked, this, &ComparePage::openFile);
    connect(remove, &QPushButton::clicked, this, &ComparePage::removeLast);
    connect(m_baseline, &QComboBox::activated, this, [this](int at) { setBaseline(at - 1); });
    connect(&session, &Session::figuresChanged, &m_model, &CompareModel::setFigures);
    setPlans({});
}

void ComparePage::keepPresent() {
    const auto& plan = m_session.planner.current();
    if (!plan) {
        m_session.tell(tr("There is no plan to keep yet."));
        return;
    }
    const auto title = m_session.document.title();
    add(m_session.document.isDirty() ? title + QStringLiteral(" *") : title, plan);
}

void ComparePage::addFile(const QString& path) {
    try {
        const auto opened = open_file(path, m_session.library);
        const auto* stored = std::get_if<OpenedPlan>(&opened);
        if (stored == nullptr) throw InputError(path.toStdString(), "is neither plan nor request");
        m_predicting = QFileInfo(path).fileName();
        m_predict.start(stored->draft.request);
    } catch (const std::exception& error) {
        m_session.tell(QString::fromUtf8(error.what()));
    }
}

void ComparePage::openFile() {
    const auto path =
        QFileDialog::getOpenFileName(this, tr("Add a plan"), {}, tr("Plans and requests (*.json)"));
    if (!path.isEmpty()) addFile(path);
}

void ComparePage::removeLast() {
    auto plans = m_model.plans();
    if (plans.empty()) return;
    plans.pop_back();
    setPlans(std::move(plans));
}

void ComparePage::add(const QString& name, std::shared_ptr<const Plan> plan) {
    auto plans = m_model.plans();
    plans.push_back({letter(plans.size()) + QStringLiteral(": ") + name, std::move(plan)});
    setPlans(std::move(plans));
}

void ComparePage::setPlans(std::vector<NamedPlan> plans) {
    const auto names = of_frameworks(plans);
    m_frameworks->setText(
        tr("Every number is of this program's own runtime, also where a framework is to run the "
           "plan: %1. The Plan page has its forecast.")
            .arg(names.join(QStringLiteral(", "))));
    m_frameworks->setVisible(!names.isEmpty());
    m_model.setPlans(std::move(plans));
    refreshBaselines();
}

void ComparePage::setBaseline(int plan) {
    m_model.setBaseline(plan);
    refreshBaselines();
}

void ComparePage::refreshBaselines() {
    const QSignalBlocker quiet(m_baseline);
    m_baseline->clear();
    m_baseline->addItem(tr("none"));
    for (std::size_t i = 0; i < m_model.plans().size(); ++i) m_baseline->addItem(letter(i));
    m_baseline->setCurrentIndex(m_model.baseline() + 1);
}

}  // namespace headroom::gui
