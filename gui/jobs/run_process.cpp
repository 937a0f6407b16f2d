#include "gui/jobs/run_process.h"

#include <QFile>
#include <QJsonDocument>
#include <utility>

#include "planner/base/json.h"

namespace headroom::gui {
namespace {

constexpr qsizetype kLongestError = 4096;
constexpr qsizetype kLongestLine = 64 << 20;

struct ExitSentence {
    Exit code;
    const char* sentence;
};
constexpr ExitSentence kSentences[] = {
    {Exit::done, QT_TRANSLATE_NOOP("RunProcess", "The run is complete.")},
    {Exit::internal, QT_TRANSLATE_NOOP("RunProcess", "The run failed.")},
    {Exit::usage, QT_TRANSLATE_NOOP("RunProcess", "headroom-run did not understand its options.")},
    {Exit::does_not_fit, QT_TRANSLATE_NOOP("RunProcess", "The plan does not fit this machine.")},
    {Exit::bad_input, QT_TRANSLATE_NOOP("RunProcess", "headroom-run refused the plan.")},
    {Exit::outside_tolerance,
     QT_TRANSLATE_NOOP("RunProcess",
                       "The run is complete; a measured figure lies outside its tolerance.")},
    {Exit::interrupted, QT_TRANSLATE_NOOP("RunProcess", "The run was stopped.")},
};

QString sentence_of(int code) {
    for (const auto& each : kSentences) {
        if (static_cast<int>(each.code) == code) return RunProcess::tr(each.sentence);
    }
    return RunProcess::tr("The run ended with the unknown exit code %1.").arg(code);
}

}  // namespace

RunProcess::RunProcess(QObject* parent) : QObject(parent) {
    m_silence.setSingleShot(true);
    connect(&m_silence, &QTimer::timeout, this, [this] {
        Q_EMIT silent(tr("The run has said nothing for %1 s; it may hang. Stop ends it.")
                          .arg(m_setup.silenceMs / 1000.0));
    });
}

RunProcess::~RunProcess() { release(); }

void RunProcess::start(const RunSetup& setup, const QByteArray& planDocument) {
    if (isRunning()) return;
    m_setup = setup;
    m_errors.clear();
    m_rubbish = 0;
    m_stopping = false;
    m_folder = std::make_unique<QTemporaryDir>();
    QFile file(m_folder->filePath(QStringLiteral("plan.json")));
    if (!file.open(QIODevice::WriteOnly) || file.write(planDocument) != planDocument.size()) {
        end(tr("The plan could not be written to a temporary file: %1").arg(file.errorString()));
        return;
    }
    file.close();
    m_child = std::make_unique<QProcess>();
    connect(m_child.get(), &QProcess::readyReadStandardOutput, this, &RunProcess::read);
    connect(m_child.get(), &QProcess::readyReadStandardError, this, [this] {
        m_errors = (m_errors + m_child->readAllStandardError()).right(kLongestError);
    });
    connect(m_child.get(), &QProcess::errorOccurred, this, [this](QProcess::ProcessError error) {
        if (error != QProcess::FailedToStart) return;
        end(tr("%1 could not be started: %2").arg(m_setup.program, m_child->errorString()));
    });
    connect(m_child.get(), &QProcess::finished, this,
            [this](int code, QProcess::ExitStatus status) {
                read();
                end(farewell(code, status));
            });
    m_silence.start(m_setup.silenceMs);
    m_child->start(setup.program,
                   QStringList{file.fileName(), QStringLiteral("--json-lines")} + setup.arguments);
}

void RunProcess::stop() {
    if (!isRunning()) return;
    m_stopping = true;
    m_child->terminate();
    QTimer::singleShot(m_setup.killMs, m_child.get(), [child = m_child.get()] { child->kill(); });
}

void RunProcess::read() {
    while (m_child->canReadLine()) take(m_child->readLine());
    if (m_child->bytesAvailable() > kLongestLine) m_child->kill();
}

void RunProcess::take(const QByteArray& line) {
    m_silence.start(m_setup.silenceMs);
    const auto event = QJsonDocument::fromJson(line).object();
    const auto kind = event[QLatin1String("event")].toString();
    const auto number = [&](const char* key) { return event[QLatin1String(key)].toDouble(); };
    if (kind == QLatin1String("start")) {
        Q_EMIT started(event[QLatin1String("device")].toString());
    } else if (kind == QLatin1String("step") && event[QLatin1String("loss")].isDouble()) {
        Q_EMIT stepped({.step = static_cast<qint64>(number("step")),
                        .steps = static_cast<qint64>(number("steps")),
                        .loss = number("loss"),
                        .tokensPerSecond = number("tokens_per_second"),
                        .memory = Bytes{static_cast<std::int64_t>(number("memory_bytes"))}});
    } else if (kind == QLatin1String("end")) {
        takeMeasurement(line);
    } else {
        ++m_rubbish;
    }
}

void RunProcess::takeMeasurement(const QByteArray& line) {
    try {
        const Json document = parse_json(line.toStdString(), "headroom-run");
        const JsonCursor json(document, "");
        Q_EMIT measured(measurement_from_json(json.at("measurement")));
    } catch (const std::exception& error) {
        ++m_rubbish;
        m_errors += error.what();
    }
}

QString RunProcess::farewell(int code, QProcess::ExitStatus status) const {
    QString out = status == QProcess::CrashExit
                      ? (m_stopping ? tr("The run did not stop by itself and was ended.")
                                    : tr("The run died: signal %1 ended it.").arg(code))
                      : sentence_of(code);
    if (m_rubbish > 0) {
        out += tr(" %1 of its lines could not be understood.").arg(m_rubbish);
    }
    const auto told = QString::fromUtf8(m_errors).trimmed();
    const bool well = status == QProcess::NormalExit && code == 0;
    if (!well && !told.isEmpty()) out += QLatin1Char(' ') + told.section(QLatin1Char('\n'), -1);
    return out;
}

void RunProcess::end(QString sentence) {
    m_silence.stop();
    // Its own signal is being handled: it cannot go before that is over.
    if (m_child) m_child.release()->deleteLater();
    m_folder.reset();
    Q_EMIT ended(std::move(sentence));
}

void RunProcess::release() {
    m_silence.stop();
    if (!m_child) return;
    m_child->disconnect(this);
    m_child->kill();
    m_child->waitForFinished();
    m_child.reset();
}

}  // namespace headroom::gui
