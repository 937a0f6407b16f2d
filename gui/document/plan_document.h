#pragma once

#include <QObject>
#include <QString>
#include <QUndoStack>

#include "gui/document/search_question.h"

namespace headroom::gui {

/// The document: one draft, every edit of which can be undone, and the file it came from.
class PlanDocument : public QObject {
    Q_OBJECT

public:
    explicit PlanDocument(QObject* parent = nullptr);

    [[nodiscard]] const Draft& draft() const { return m_draft; }
    [[nodiscard]] const PlanRequest& request() const { return m_draft.request; }
    [[nodiscard]] const SearchQuestion& question() const { return m_draft.question; }
    [[nodiscard]] QUndoStack& undoStack() { return m_stack; }
    [[nodiscard]] bool isDirty() const { return !m_stack.isClean(); }
    [[nodiscard]] const QString& path() const { return m_path; }
    /// File name or "untitled".
    [[nodiscard]] QString title() const;

    /// An edit that undo takes back; nothing when `next` equals the present one. Edits in a row
    /// with one non-empty `field` are one: what a person types into one box.
    void edit(const PlanRequest& next, const QString& text, const QString& field = {});
    void editQuestion(const SearchQuestion& next, const QString& text, const QString& field = {});

    /// Another document: there is no way back to the one before.
    void replace(const Draft& draft, const QString& path);
    void replace(const PlanRequest& request, const QString& path) { replace({request, {}}, path); }
    /// What is in the file is what is shown.
    void markSaved(const QString& path);
    /// The draft was recovered: no file has it.
    void markUnsaved();

Q_SIGNALS:
    void requestChanged();
    void questionChanged();
    /// Path or dirtiness changed.
    void stateChanged();

private:
    friend class EditCommand;
    void push(const Draft& next, const QString& text, const QString& field);
    /// Tells what differs from the draft before.
    void take(const Draft& draft);

    Draft m_draft{};
    QString m_path{};
    QUndoStack m_stack{};
};

}  // namespace headroom::gui
