#pragma once

#include <QLabel>
#include <QLineEdit>
#include <QProgressBar>
#include <QPushButton>
#include <QWidget>
#include <optional>

#include "gui/jobs/run_process.h"
#include "gui/models/search_tables.h"
#include "gui/pages/session.h"
#include "gui/views/boxes.h"
#include "gui/views/live_chart.h"
#include "gui/views/paired_bars.h"

namespace headroom::gui {

/// Runs the plan in a child process and puts what it measured beside what was predicted.
class RunPage : public QWidget {
    Q_OBJECT

public:
    explicit RunPage(Session& session, QWidget* parent = nullptr);

    /// The program to run and how long it may be silent; by default headroom-run beside this one.
    void setSetup(const RunSetup& setup) { m_setup = setup; }
    void setSteps(int steps) { m_steps->setValue(steps); }
    /// Puts a measurement beside the present plan.
    void showMeasurement(const Measurement& measurement);
    [[nodiscard]] const RowModel<Finding>& findings() const { return m_findings; }
    [[nodiscard]] QString status() const { return m_status->text(); }
    [[nodiscard]] RunProcess& process() { return m_process; }

public Q_SLOTS:
    void startRun();
    void stopRun();
    /// Writes the profile with what this run measured to where every program finds it.
    void calibrate();

private:
    QLayout* makeControls();
    void takeStep(const LiveStep& step);
    void compareWithPlan();
    void openMeasurement();
    void setRunning(bool running);
    void forgetResults();
    void nameSubject();

    Session& m_session;
    RunSetup m_setup{};
    RunProcess m_process{};
    RowModel<Finding> m_findings = finding_model();
    std::optional<Measurement> m_measurement{};
    std::shared_ptr<const Plan> m_plan{};  ///< that was run
    NumberBox* m_steps = nullptr;
    QLineEdit* m_data = nullptr;
    QPushButton* m_start = nullptr;
    QPushButton* m_stop = nullptr;
    QPushButton* m_calibrate = nullptr;
    QProgressBar* m_progress = nullptr;
    QLabel* m_status = nullptr;
    QLabel* m_subject = nullptr;
    LiveChart* m_live = nullptr;
    PairedBars* m_bars = nullptr;
};

}  // namespace headroom::gui
