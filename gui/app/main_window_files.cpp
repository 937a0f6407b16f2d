#include <QDragEnterEvent>
#include <QDropEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QMimeData>

#include "gui/app/main_window.h"
#include "gui/document/edits.h"
#include "gui/document/open_file.h"
#include "planner/base/json.h"
#include "planner/base/written_file.h"
#include "planner/cli/output.h"

namespace headroom::gui {
namespace {

template <class... Ts>
struct Overloaded : Ts... {
    using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

}  // namespace

void MainWindow::openPath(const QString& path) {
    try {
        const Opened opened = open_file(path, m_session.library);
        m_messages->hide();
        const auto& present = m_session.document.request();
        std::visit(Overloaded{[&](const OpenedPlan& plan) { takeOpened(plan, path); },
                              [&](const OpenedModel& model) {
                                  m_session.document.edit(with_model(present, "", model.model),
                                                          tr("model"));
                                  for (const auto& note : model.notes) m_session.tell(text(note));
                              },
                              [&](const OpenedHardware& hardware) {
                                  m_session.document.edit(with_gpu(present, "", hardware.profile),
                                                          tr("GPU"));
                              },
                              [&](const Measurement& measurement) {
                                  m_pages->setCurrentWidget(m_run);
                                  m_run->showMeasurement(measurement);
                              }},
                   opened);
        remember(path);
    } catch (const std::exception& error) {
        m_messages->showMessage(QString::fromUtf8(error.what()), Tone::bad);
    }
}

void MainWindow::takeOpened(const OpenedPlan& plan, const QString& path) {
    if (!mayReplace()) return;
    m_digest = plan.digest;
    m_session.document.replace(plan.draft, path);
    m_autosave.drop();
}

bool MainWindow::saveTo(const QString& path) {
    const auto& plan = m_session.planner.current();
    try {
        const Json document = saved_document(m_session.document.draft(), plan.get());
        write_file_atomically(path.toStdString(), cli::json_text(document));
    } catch (const std::exception& error) {
        m_messages->showMessage(QString::fromUtf8(error.what()), Tone::bad);
        return false;
    }
    m_session.document.markSaved(path);
    m_autosave.drop();
    remember(path);
    return true;
}

void MainWindow::newDocument() {
    if (mayReplace()) m_session.document.replace(empty_request(), {});
}

void MainWindow::open() {
    const auto path = QFileDialog::getOpenFileName(
        this, tr("Open"), {},
        tr("Plans, requests, models, measurements (*.json *.safetensors);;All files (*)"));
    if (!path.isEmpty()) openPath(path);
}

void MainWindow::save() {
    const auto& path = m_session.document.path();
    if (path.isEmpty()) {
        saveAs();
    } else {
        saveTo(path);
    }
}

void MainWindow::saveAs() {
    const auto path = QFileDialog::getSaveFileName(
        this, tr("Save the plan"), QStringLiteral("plan.json"), tr("Plans (*.json)"));
    if (!path.isEmpty()) saveTo(path);
}

void MainWindow::remember(const QString& path) {
    m_recent = with_recent(m_recent, QFileInfo(path).absoluteFilePath());
    const auto failure = write_recent(m_places.recentFile(), m_recent);
    if (!failure.isEmpty()) m_session.tell(failure);
    fillRecent();
}

void MainWindow::fillRecent() {
    m_recentMenu->clear();
    for (const auto& path : m_recent) {
        connect(m_recentMenu->addAction(path), &QAction::triggered, this,
                [this, path] { openPath(path); });
    }
    m_recentMenu->setEnabled(!m_recent.isEmpty());
}

void MainWindow::recover(const QString& notice) {
    auto kept = m_autosave.take(m_session.library);
    QStringList words{notice, kept.notice};
    words.removeAll(QString());
    if (!words.isEmpty()) m_messages->showMessage(words.join(QLatin1Char(' ')), Tone::warning);
    if (!kept.value) return;
    const auto name = kept.value->path.isEmpty() ? tr("An unsaved plan") : kept.value->path;
    words.append(tr("%1 was being edited when the program ended before its time.").arg(name));
    m_messages->offer(words.join(QLatin1Char(' ')), tr("Recover"), [this, recovered = *kept.value] {
        m_session.document.replace(recovered.draft, recovered.path);
        m_session.document.markUnsaved();
    });
}

void MainWindow::autosave() {
    const auto& document = m_session.document;
    if (!document.isDirty() || !is_complete(document.request())) {
        m_autosave.drop();
        return;
    }
    const auto failure = m_autosave.write(document.draft(), document.path());
    if (!failure.isEmpty()) m_session.tell(failure);
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
    if (event->mimeData()->hasUrls()) event->acceptProposedAction();
}

void MainWindow::dropEvent(QDropEvent* event) {
    for (const auto& url : event->mimeData()->urls()) {
        if (url.isLocalFile()) openPath(url.toLocalFile());
    }
    event->acceptProposedAction();
}

}  // namespace headroom::gui
