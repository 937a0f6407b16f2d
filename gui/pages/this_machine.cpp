#include <QDir>
#include <QProcess>

#include "gui/document/edits.h"
#include "gui/pages/request_page.h"
#include "planner/cli/runtime_program.h"

namespace headroom::gui {
namespace {

QString detected_file() {
    return QDir(QDir::tempPath())
        .filePath(QStringLiteral("headroom-machine-%1.json").arg(QCoreApplication::applicationPid()));
}

}  // namespace

void RequestPage::chooseThisMachine() {
    const auto program = cli::runtime_file();
    if (program.empty()) {
        m_session.tell(tr("This needs the program headroom-run, which is not installed here."));
        return;
    }
    if (m_detect != nullptr) return;
    m_detect = new QProcess(this);
    connect(m_detect, &QProcess::finished, this, &RequestPage::takeMachine);
    connect(m_detect, &QProcess::errorOccurred, this, [this](QProcess::ProcessError error) {
        if (error == QProcess::FailedToStart) takeMachine();
    });
    m_session.tell(tr("This machine is being measured; that takes some seconds."));
    m_detect->start(QString::fromStdString(program.string()),
                    {QStringLiteral("--detect"), QStringLiteral("-o"), detected_file()});
}

void RequestPage::takeMachine() {
    const auto errors = QString::fromUtf8(m_detect->readAllStandardError()).trimmed();
    std::exchange(m_detect, nullptr)->deleteLater();
    try {
        const auto profile =
            m_session.library.hardware.gpu(detected_file().toStdString(), "/hardware/gpu");
        // No catalogue knows it by name: the profile travels in the document.
        edit(with_gpu(m_session.document.request(), "", profile), tr("this machine"));
        m_session.tell(tr("This machine was measured: %1.").arg(text(profile.id)));
    } catch (const std::exception& error) {
        m_session.tell(tr("This machine could not be measured: %1")
                           .arg(errors.isEmpty() ? QString::fromUtf8(error.what()) : errors));
    }
    QFile::remove(detected_file());
}

}  // namespace headroom::gui
