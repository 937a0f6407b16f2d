#include <QCoreApplication>
#include <QDir>
#include <QProcess>
#include <QSignalBlocker>
#include <algorithm>

#include "gui/document/edits.h"
#include "gui/pages/request_page.h"
#include "planner/base/error.h"
#include "planner/cli/runtime_program.h"
#include "planner/import/model_files.h"
#include "planner/import/model_source.h"

namespace headroom::gui {
namespace {

QString detected_file() {
    return QDir(QDir::tempPath())
        .filePath(
            QStringLiteral("headroom-machine-%1.json").arg(QCoreApplication::applicationPid()));
}

}  // namespace

template <class Edit>
void RequestPage::takeModel(const QString& name, const QString& text, Edit with) {
    try {
        const auto asked = name.toStdString();
        const auto spec = m_session.library.model(asked, "/model");
        // A preset is named in the document, a file's model travels in it.
        const auto preset = find_preset(asked, preset_ids(m_session.library.profiles_root));
        edit(with(m_session.document.request(), preset.value_or(""), spec), text);
    } catch (const InputError& error) {
        m_session.tell(QString::fromUtf8(error.what()));
        refresh();
    }
}

void RequestPage::chooseModel(const QString& name) { takeModel(name, tr("model"), with_model); }

void RequestPage::chooseTeacher(const QString& name) {
    takeModel(name, tr("teacher"), with_teacher);
}

void RequestPage::clearTeacher() {
    edit(without_teacher(m_session.document.request()), tr("teacher"));
}

void RequestPage::chooseGpu(const QString& name) {
    try {
        const auto profile = m_session.library.hardware.gpu(name.toStdString(), "/hardware/gpu");
        edit(with_gpu(m_session.document.request(), profile.id, profile), tr("GPU"));
    } catch (const InputError& error) {
        m_session.tell(QString::fromUtf8(error.what()));
        refresh();
    }
}

void RequestPage::fillNodes() {
    const auto& hardware = m_session.document.request().hardware;
    const QSignalBlocker quiet(m_node);
    m_node->clear();
    const auto usual = text(hardware.profile.node.id);
    m_node->addItem(usual.isEmpty() ? tr("usual") : tr("usual: %1").arg(usual), QString());
    for (const auto& node : m_session.library.hardware.nodes()) {
        if (!node.gpu.empty() && node.gpu != hardware.profile.id) continue;
        m_node->addItem(text(node.id), text(node.id));
    }
    const int at = m_node->findData(text(hardware.node));
    m_node->setCurrentIndex(std::max(0, at));
    if (at > 0) m_node->setItemText(0, tr("usual"));
    m_node->setToolTip(m_node->currentText());
}

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
