#pragma once

#include <QObject>

#include "gui/document/plan_document.h"
#include "gui/jobs/planner.h"
#include "gui/models/figures.h"

namespace headroom::gui {

/// What the pages of one window share: the document, what is planned of it, and how amounts are
/// shown.
class Session : public QObject {
    Q_OBJECT

public:
    explicit Session(Library known, QObject* parent = nullptr);

    Library library{};
    PlanDocument document{};
    Planner planner;

    [[nodiscard]] const Figures& figures() const { return m_figures; }
    void setFigures(const Figures& figures);
    /// A sentence for the message bar.
    void tell(const QString& sentence) { Q_EMIT told(sentence); }

Q_SIGNALS:
    void figuresChanged(const headroom::gui::Figures& figures);
    void told(const QString& sentence);

private:
    Figures m_figures{};
};

}  // namespace headroom::gui
