#include "gui/pages/run_page.h"

#include <QDir>
#include <QFileDialog>
#include <QHeaderView>
#include <QScrollArea>
#include <QSplitter>
#include <QTableView>
#include <QVBoxLayout>

#include "gui/document/open_file.h"
#include "gui/views/flow_row.h"
#include "gui/views/kept_height.h"
#include "gui/views/table_view.h"
#include "planner/base/json.h"
#include "planner/base/written_file.h"
#include "planner/cli/output.h"
#include "planner/cli/profiles.h"
#include "planner/cli/runtime_program.h"
#include "planner/plan/calibration.h"
#include "planner/plan/findings.h"
#include "planner/plan/plan_json.h"

namespace headroom::gui {

namespace {

constexpr int kDifference = 4;  ///< a column that follows from the two before it

}  // namespace

RunPage::RunPage(Session& session, QWidget* parent) : QWidget(parent), m_session(session) {
    m_setup.program = QString::fromStdString(cli::runtime_file().string());
    auto* column = new QVBoxLayout(this);
    column->addLayout(makeControls());
    m_status =
        new QLabel(tr("Runs the present plan on this machine, in a process of its own."), this);
    m_status->setWordWrap(true);
    m_status->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_status->setAccessibleName(tr("State of the run"));
    column->addWidget(m_status);
    m_subject = new QLabel(this);
    m_subject->setWordWrap(true);
    m_subject->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_subject->setObjectName(QStringLiteral("subject"));
    m_subject->hide();
    column->addWidget(m_subject);
    auto* split = new QSplitter(Qt::Vertical, this);
    m_live = new LiveChart(split);
    auto* area = new QScrollArea(split);
    area->setWidgetResizable(true);
    area->setFrameShape(QFrame::NoFrame);
    area->setAccessibleName(tr("Predicted and measured as bars"));
    m_bars = new PairedBars(area);
    area->setWidget(m_bars);
    auto* table = make_table(&m_findings, tr("Predicted and measured"), Sorting::on, split);
    wrap_explanations(table);
    spare_columns(table, {kDifference});
    split->addWidget(m_live);
    split->addWidget(area);
    split->addWidget(table);
    split->setSizes({210, 200, 280});
    column->addWidget(split, 1);
    new KeptHeight(this);
    connect(&m_process, &RunProcess::started, this,
            [this](const QString& device) { m_status->setText(tr("Running on %1.").arg(device)); });
    connect(&m_process, &RunProcess::stepped, this, &RunPage::takeStep);
    connect(&m_process, &RunProcess::measured, this, &RunPage::showMeasurement);
    connect(&m_process, &RunProcess::silent, m_status, &QLabel::setText);
    connect(&m_process, &RunProcess::ended, this, [this](const QString& sentence) {
        setRunning(false);
        m_status->setText(sentence);
    });
    connect(&session, &Session::figuresChanged, this, [this](const Figures& figures) {
        m_findings.setFigures(figures);
        m_live->setFigures(figures);
        m_bars->setFigures(figures);
    });
    setRunning(false);
}

QLayout* RunPage::makeControls() {
    auto* row = new FlowRow;
    m_steps = new NumberBox(1, 1e9, 0, Steps::doubling, this);
    m_steps->setValue(10);
    m_steps->setAccessibleName(tr("Optimizer steps"));
    m_data = new PromptLine(tr("text or token file, or none"), this);
    m_data->setAccessibleName(tr("Data"));
    m_start = new QPushButton(tr("Start"), this);
    m_stop = new QPushButton(tr("Stop"), this);
    m_calibrate = new QPushButton(tr("Cal&ibrate this machine"), this);
    m_calibrate->setObjectName(QStringLiteral("calibrate"));
    m_calibrate->setToolTip(
        tr("Writes the fractions of the peaks that this run reached into your "
           "own profile of the device"));
    auto* open = new QPushButton(tr("Open a measuremen&t…"), this);
    m_progress = new QProgressBar(this);
    m_progress->setMaximumWidth(140);
    m_progress->setAccessibleName(tr("Progress of the run"));
    row->addItem(labelled(tr("steps"), m_steps, this));
    for (auto* each :
         std::initializer_list<QWidget*>{m_data, m_progress, m_start, m_stop, open, m_calibrate}) {
        row->addWidget(each);
    }
    connect(m_start, &QPushButton::clicked, this, &RunPage::startRun);
    connect(m_stop, &QPushButton::clicked, this, &RunPage::stopRun);
    connect(open, &QPushButton::clicked, this, &RunPage::openMeasurement);
    connect(m_calibrate, &QPushButton::clicked, this, &RunPage::calibrate);
    return row;
}

void RunPage::setRunning(bool running) {
    m_start->setEnabled(!running);
    m_stop->setEnabled(running);
    m_progress->setVisible(running);
    m_calibrate->setEnabled(!running && m_measurement && m_plan);
}

void RunPage::startRun() {
    if (m_process.isRunning()) return;
    const auto plan = m_session.planner.current();
    if (!plan) {
        m_status->setText(tr("There is no plan to run yet."));
        return;
    }
    if (m_setup.program.isEmpty()) {
        m_status->setText(tr("This needs the program headroom-run, which is not installed here."));
        return;
    }
    forgetResults();
    m_plan = plan;
    nameSubject();
    m_progress->setRange(0, static_cast<int>(m_steps->value()));
    m_progress->setValue(0);
    setRunning(true);
    m_status->setText(tr("Starting…"));
    RunSetup setup = m_setup;
    setup.arguments +=
        {QStringLiteral("--steps"), QString::number(static_cast<qint64>(m_steps->value()))};
    if (!m_data->text().isEmpty()) setup.arguments += {QStringLiteral("--data"), m_data->text()};
    m_process.start(setup, QByteArray::fromStdString(cli::json_text(to_json(*plan))));
}

/// Nothing of an earlier run is left to be taken for one of another plan.
void RunPage::forgetResults() {
    m_measurement.reset();
    m_findings.setRows({});
    m_bars->setFindings({});
    m_live->clear();
    m_subject->hide();
    m_calibrate->setEnabled(false);
}

/// The request may change after a run: its plan stays the one that was run.
void RunPage::nameSubject() {
    const auto& request = m_plan->request;
    m_subject->setText(
        tr("Plan of the run: %1 on %2 x %3, digest %4")
            .arg(text(request.model_name.empty() ? request.model.name : request.model_name))
            .arg(request.hardware.gpus)
            .arg(text(request.hardware.profile.id), text(m_plan->predicted.digest)));
    m_subject->show();
}

void RunPage::stopRun() {
    m_status->setText(tr("Stopping after this step…"));
    m_process.stop();
}

void RunPage::takeStep(const LiveStep& step) {
    m_live->add(step);
    m_progress->setValue(static_cast<int>(step.step + 1));
    m_status->setText(tr("Step %1 of %2: loss %3, %4 tokens/s, %5")
                          .arg(step.step + 1)
                          .arg(step.steps)
                          .arg(step.loss, 0, 'f', 4)
                          .arg(step.tokensPerSecond, 0, 'f', 0)
                          .arg(m_session.figures().memory(step.memory)));
}

void RunPage::showMeasurement(const Measurement& measurement) {
    m_measurement = measurement;
    if (!m_plan || !m_process.isRunning()) m_plan = m_session.planner.current();
    compareWithPlan();
}

void RunPage::compareWithPlan() {
    if (!m_plan) {
        forgetResults();
        m_status->setText(
            tr("Open the plan that was run first; then its measurement can be put "
               "beside it."));
        return;
    }
    try {
        auto rows = headroom::findings(*m_plan, *m_measurement);
        m_bars->setFindings(rows);
        m_findings.setRows(std::move(rows));
        nameSubject();
        if (!m_process.isRunning()) {
            m_status->setText(
                tr("%1, %2").arg(text(m_measurement->device), text(m_measurement->date)));
            m_live->clear();
            qint64 number = 0;
            const auto steps = static_cast<qint64>(m_measurement->steps.size());
            for (const auto& each : m_measurement->steps) {
                m_live->add({.step = number++,
                             .steps = steps,
                             .loss = each.loss,
                             .memory = m_measurement->device_memory.total});
            }
        }
    } catch (const InputError& error) {
        forgetResults();
        m_status->setText(QString::fromUtf8(error.what()));
    }
    setRunning(m_process.isRunning());
}

void RunPage::openMeasurement() {
    const auto path = QFileDialog::getOpenFileName(this, tr("Open a measurement"), {},
                                                   tr("Measurements (*.json)"));
    if (path.isEmpty()) return;
    try {
        const auto opened = open_file(path, m_session.library);
        const auto* measurement = std::get_if<Measurement>(&opened);
        if (measurement == nullptr) throw InputError(path.toStdString(), "is no measurement");
        showMeasurement(*measurement);
    } catch (const std::exception& error) {
        m_session.tell(QString::fromUtf8(error.what()));
    }
}

void RunPage::calibrate() {
    if (!m_plan || !m_measurement) return;
    try {
        const auto profile = calibrated(*m_plan, *m_measurement);
        const auto folder = QString::fromStdString(cli::user_hardware().string());
        QDir().mkpath(folder);
        const auto file = QDir(folder).filePath(text(profile.id) + QStringLiteral(".json"));
        write_file_atomically(file.toStdString(), cli::json_text(to_json(profile)));
        m_session.tell(tr("Calibrated: %1 now holds what this run measured.").arg(file));
    } catch (const std::exception& error) {
        m_session.tell(QString::fromUtf8(error.what()));
    }
}

}  // namespace headroom::gui
