#pragma once

#include <QJsonObject>
#include <QObject>
#include <QProcess>
#include <QStringList>
#include <QTemporaryDir>
#include <QTimer>
#include <memory>
#include <optional>

#include "planner/plan/measurement.h"

namespace headroom::gui {

/// One optimizer step as the child told it.
struct LiveStep {
    qint64 step = 0;
    qint64 steps = 0;
    double loss = 0.0;
    double tokensPerSecond = 0.0;
    Bytes memory{};
};

/// What to run, and how long its silence is taken for work.
struct RunSetup {
    QString program{};
    QStringList arguments{};  ///< after the plan's file
    int silenceMs = 120'000;
    int killMs = 3'000;  ///< from asking to stop to ending it
};

/// A run in a child process, told line by line. However the child ends, `ended` says it in one
/// sentence; nothing of it outlives this object.
class RunProcess : public QObject {
    Q_OBJECT

public:
    explicit RunProcess(QObject* parent = nullptr);
    ~RunProcess() override;

    /// Starts `program PLAN --json-lines ARGUMENTS` on a copy of the plan's document.
    void start(const RunSetup& setup, const QByteArray& planDocument);
    /// Asks the child to end after its step; ends it when it does not.
    void stop();
    [[nodiscard]] bool isRunning() const { return m_child != nullptr; }
    /// Of the child; 0 when none runs.
    [[nodiscard]] qint64 pid() const { return m_child ? m_child->processId() : 0; }

Q_SIGNALS:
    void started(QString device);
    void stepped(headroom::gui::LiveStep step);
    void measured(headroom::Measurement measurement);
    /// Nothing was heard for a while; the child still runs.
    void silent(QString sentence);
    void ended(QString sentence);

private:
    void read();
    void take(const QByteArray& line);
    void takeMeasurement(const QByteArray& line);
    void end(QString sentence);
    [[nodiscard]] QString farewell(int code, QProcess::ExitStatus status) const;
    void release();

    RunSetup m_setup{};
    std::unique_ptr<QTemporaryDir> m_folder{};
    std::unique_ptr<QProcess> m_child{};
    QTimer m_silence{};
    QByteArray m_errors{};
    qint64 m_rubbish = 0;
    bool m_stopping = false;
};

}  // namespace headroom::gui
