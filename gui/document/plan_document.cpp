#include "gui/document/plan_document.h"

#include <QFileInfo>
#include <QUndoCommand>
#include <utility>

namespace headroom::gui {

/// From one request to another, both held as values.
class EditCommand : public QUndoCommand {
public:
    EditCommand(PlanDocument& document, PlanRequest after, const QString& text, QString field)
        : QUndoCommand(text),
          m_document(document),
          m_before(document.request()),
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
    PlanRequest m_before;
    PlanRequest m_after;
    QString m_field;
};

PlanDocument::PlanDocument(QObject* parent) : QObject(parent) {
    connect(&m_stack, &QUndoStack::cleanChanged, this, &PlanDocument::stateChanged);
}

QString PlanDocument::title() const {
    return m_path.isEmpty() ? tr("untitled") : QFileInfo(m_path).fileName();
}

void PlanDocument::edit(const PlanRequest& next, const QString& text, const QString& field) {
    if (next == m_request) return;
    m_stack.push(new EditCommand(*this, next, text, field));  // the stack owns it
}

void PlanDocument::replace(const PlanRequest& request, const QString& path) {
    m_stack.clear();
    m_path = path;
    take(request);
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

void PlanDocument::take(const PlanRequest& request) {
    m_request = request;
    Q_EMIT requestChanged();
}

}  // namespace headroom::gui
