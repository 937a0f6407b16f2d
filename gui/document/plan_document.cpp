#include "gui/document/plan_document.h"

#include <QFileInfo>
#include <QUndoCommand>
#include <utility>

namespace headroom::gui {

/// From one draft to another, both held as values.
class EditCommand : public QUndoCommand {
public:
    EditCommand(PlanDocument& document, Draft after, const QString& text, QString field)
        : QUndoCommand(text),
          m_document(document),
          m_before(document.draft()),
          m_after(std::move(after)),
          m_field(std::move(field)) {}

    void undo() override { m_document.take(m_before); }
    void redo() override { m_document.take(m_after); }
    [[nodiscard]] int id() const override { return m_field.isEmpty() ? -1 : 1; }

    bool mergeWith(const QUndoCommand* other) override {
        const auto* later = dynamic_cast<const EditCommand*>(other);
        if (later == nullptr || later->m_field != m_field) return false;
        m_after = later->m_after;
        setObsolete(m_after == m_before);
        return true;
    }

private:
    PlanDocument& m_document;
    Draft m_before;
    Draft m_after;
    QString m_field;
};

PlanDocument::PlanDocument(QObject* parent) : QObject(parent) {
    connect(&m_stack, &QUndoStack::cleanChanged, this, &PlanDocument::stateChanged);
}

QString PlanDocument::title() const {
    return m_path.isEmpty() ? tr("untitled") : QFileInfo(m_path).fileName();
}

void PlanDocument::edit(const PlanRequest& next, const QString& text, const QString& field) {
    push({next, m_draft.question}, text, field);
}

void PlanDocument::editQuestion(const SearchQuestion& next, const QString& text,
                                const QString& field) {
    push({m_draft.request, next}, text, field);
}

void PlanDocument::push(const Draft& next, const QString& text, const QString& field) {
    if (next == m_draft) return;
    m_stack.push(new EditCommand(*this, next, text, field));  // the stack owns it
}

void PlanDocument::replace(const Draft& draft, const QString& path) {
    m_stack.clear();
    m_path = path;
    m_draft = draft;
    Q_EMIT requestChanged();
    Q_EMIT questionChanged();
    Q_EMIT stateChanged();
}

void PlanDocument::markSaved(const QString& path) {
    m_path = path;
    m_stack.setClean();
    Q_EMIT stateChanged();
}

void PlanDocument::markUnsaved() {
    m_stack.resetClean();
    Q_EMIT stateChanged();
}

void PlanDocument::take(const Draft& draft) {
    const Draft before = std::exchange(m_draft, draft);
    if (before.request != m_draft.request) Q_EMIT requestChanged();
    if (before.question != m_draft.question) Q_EMIT questionChanged();
}

}  // namespace headroom::gui
