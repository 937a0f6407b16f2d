#pragma once

#include <QObject>
#include <QString>
#include <QUndoStack>

#include "planner/spec/plan_request.h"

namespace headroom::gui {

/// The document: one request, every edit of which can be undone, and the file it came from.
class PlanDocument : public QObject {
    Q_OBJECT

public:
    explicit PlanDocument(QObject* parent = nullptr);

    [[nodiscard]] const PlanRequest& request() const { return m_request; }
    [[nodiscard]] QUndoStack& undoStack() { return m_stack; }
    [[nodiscard]] bool isDirty() const { return !m_stack.isClean(); }
    [[nodiscard]] const QString& path() const { return m_path; }
    /// File name or "untitled".
    [[nodiscard]] QString title() const;

    /// An edit that undo takes back; nothing when `next` equals the present request. Edits in a row
    /// with one non-empty `field` are one: what a person types into one box.
    void edit(const PlanRequest& next, const QString& text, const QString& field = {});

    /// Another document: there is no way back to the one before.
    void replace(const PlanRequest& request, const QString& path);
    /// What is in the file is what is shown.
    void markSaved(const QString& path);
    /// The request was recovered: no file has it.
    void markUnsaved();

Q_SIGNALS:
    void requestChanged();
    /// Path or dirtiness changed.
    void stateChanged();

private:
    friend class EditCommand;
    void take(const PlanRequest& request);

    PlanRequest m_request{};
    QString m_path{};
    QUndoStack m_stack{};
};

}  // namespace headroom::gui
