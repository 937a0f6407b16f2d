#include "gui/document/kept_files.h"

#include <signal.h>
#include <unistd.h>

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <cerrno>

#include "planner/base/json.h"
#include "planner/base/written_file.h"

namespace headroom::gui {
namespace {

constexpr int kFormat = 1;

std::filesystem::path as_path(const QString& file) { return file.toStdString(); }

/// Writes JSON with its folders; the reason when that fails.
QString write_json(const QString& file, const Json& json) {
    try {
        QDir().mkpath(QFileInfo(file).absolutePath());
        write_file_atomically(as_path(file), json.dump(2) + "\n");
    } catch (const std::exception& error) {
        return QString::fromUtf8(error.what());
    }
    return {};
}

QString dropped(const QString& what, const std::exception& error) {
    return QObject::tr("%1 could not be read and was dropped: %2")
        .arg(what, QString::fromUtf8(error.what()));
}

/// Whether the program that wrote "autosave-PID.json" still runs.
bool is_running(const QString& entry) {
    bool number = false;
    const auto pid =
        QFileInfo(entry).completeBaseName().section(QLatin1Char('-'), 1).toInt(&number);
    return number && pid > 0 && (::kill(pid, 0) == 0 || errno == EPERM);
}

Recovered recovered_from(const QString& file, const Library& library) {
    const Json document = read_json_file(as_path(file));
    const JsonCursor json(document, "");
    json.only({"format", "path", "request", "question"});
    Recovered out{.path = QString::fromStdString(json.string_or("path", ""))};
    out.draft.request = request_from_json(json.at("request"), library);
    if (const auto question = json.find("question")) {
        out.draft.question = question_from_json(*question);
    }
    return out;
}

}  // namespace

Kept<QStringList> read_recent(const QString& file) {
    Kept<QStringList> out;
    if (!QFileInfo::exists(file)) return out;
    try {
        const Json document = read_json_file(as_path(file));
        for (const auto& entry : JsonCursor(document, "").at("recent").elements()) {
            const auto path = QString::fromStdString(entry.string());
            if (QFileInfo::exists(path)) out.value.append(path);
        }
    } catch (const std::exception& error) {
        QFile::remove(file);
        out = {.value = {}, .notice = dropped(QObject::tr("The list of recent files"), error)};
    }
    return out;
}

QString write_recent(const QString& file, const QStringList& paths) {
    Json list = Json::array();
    for (const auto& path : paths) list.push_back(path.toStdString());
    return write_json(file, {{"format", kFormat}, {"recent", list}});
}

QStringList with_recent(QStringList paths, const QString& path) {
    paths.removeAll(path);
    paths.prepend(path);
    return paths.mid(0, kMostRecent);
}

Autosave::Autosave(QString folder)
    : m_folder(std::move(folder)),
      m_file(QStringLiteral("%1/autosave-%2.json").arg(m_folder).arg(::getpid())) {}

QString Autosave::write(const Draft& draft, const QString& path) {
    return write_json(m_file, {{"format", kFormat},
                               {"path", path.toStdString()},
                               {"request", to_json(draft.request)},
                               {"question", to_json(draft.question)}});
}

void Autosave::drop() { QFile::remove(m_file); }

Kept<std::optional<Recovered>> Autosave::take(const Library& library) {
    Kept<std::optional<Recovered>> out;
    const auto entries =
        QDir(m_folder).entryInfoList({QStringLiteral("autosave-*.json")}, QDir::Files, QDir::Time);
    for (const auto& entry : entries) {
        const auto file = entry.absoluteFilePath();
        if (is_running(file)) continue;
        try {
            if (!out.value) out.value = recovered_from(file, library);
        } catch (const std::exception& error) {
            out.notice = dropped(QObject::tr("An autosaved plan"), error);
        }
        QFile::remove(file);
    }
    return out;
}

}  // namespace headroom::gui
