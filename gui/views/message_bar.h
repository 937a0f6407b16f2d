#pragma once

#include <QFrame>
#include <QLabel>
#include <QPushButton>
#include <functional>

#include "gui/models/row_model.h"

namespace headroom::gui {

/// A sentence at the top of the window that stays until it is closed or replaced: what was wrong
/// with a file, what was recovered. It never takes the focus.
class MessageBar : public QFrame {
    Q_OBJECT

public:
    explicit MessageBar(QWidget* parent = nullptr);

    void showMessage(const QString& sentence, Tone tone);
    /// With a button that does something about it.
    void offer(const QString& sentence, const QString& action, std::function<void()> doIt);
    /// Takes a sentence about what was before away; an offer stays until it is taken or closed.
    void dropOutdated();
    [[nodiscard]] QString sentence() const { return m_label->text(); }

protected:
    void changeEvent(QEvent* event) override;

private:
    void colour();

    Tone m_tone = Tone::plain;
    QLabel* m_label;
    QPushButton* m_action;
    std::function<void()> m_doIt{};
};

}  // namespace headroom::gui
