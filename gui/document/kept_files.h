#pragma once

#include <QObject>
#include <QString>
#include <QStringList>
#include <optional>

#include "gui/document/search_question.h"
#include "planner/spec/plan_request.h"

namespace headroom::gui {

/// A value read from one of the program's own files, and what was wrong with the file.
template <class Value>
struct Kept {
    Value value{};
    QString notice{};  ///< empty: nothing was dropped
};

inline constexpr int kMostRecent = 12;

/// Paths in `file`, newest first, without those that are gone; a file that cannot be read is
/// dropped with a notice.
Kept<QStringList> read_recent(const QString& file);
/// `path` first. Errors are told as a notice.
QString write_recent(const QString& file, const QStringList& paths);
QStringList with_recent(QStringList paths, const QString& path);

/// A draft that was being edited when a program ended before its time.
struct Recovered {
    Draft draft{};
    QString path{};  ///< the file it came from; empty: none
};

/// Autosaved drafts below `folder`, one file a running program: what a program leaves behind when
/// it does not end by itself.
class Autosave {
public:
    explicit Autosave(QString folder);

    /// Writes this program's entry; a notice when it cannot.
    QString write(const Draft& draft, const QString& path);
    /// This program ends by itself.
    void drop();
    /// The newest entry of a program that no longer runs; it is taken away. Entries that cannot be
    /// read are dropped with a notice.
    Kept<std::optional<Recovered>> take(const Library& library);

    [[nodiscard]] const QString& file() const { return m_file; }

private:
    QString m_folder;
    QString m_file;
};

}  // namespace headroom::gui
