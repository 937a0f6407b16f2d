#include "gui/views/message_bar.h"

#include <QEvent>
#include <QHBoxLayout>
#include <QToolButton>

#include "gui/views/theme.h"

namespace headroom::gui {

MessageBar::MessageBar(QWidget* parent)
    : QFrame(parent), m_label(new QLabel(this)), m_action(new QPushButton(this)) {
    setFrameShape(QFrame::StyledPanel);
    setAutoFillBackground(true);
    setBackgroundRole(QPalette::AlternateBase);
    setAccessibleName(tr("Message"));
    m_label->setWordWrap(true);
    m_label->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_action->setAccessibleName(tr("What can be done about it"));
    auto* close = new QToolButton(this);
    close->setText(QStringLiteral("✕"));
    close->setAutoRaise(true);
    close->setAccessibleName(tr("Close the message"));
    auto* row = new QHBoxLayout(this);
    row->setContentsMargins(10, 6, 6, 6);
    row->addWidget(m_label, 1);
    row->addWidget(m_action);
    row->addWidget(close);
    connect(close, &QToolButton::clicked, this, &QWidget::hide);
    connect(m_action, &QPushButton::clicked, this, [this] {
        hide();
        if (m_doIt) m_doIt();
    });
    hide();
}

void MessageBar::colour() {
    QPalette colours = palette();
    colours.setColor(QPalette::WindowText, toneColour(m_tone, colours));
    m_label->setPalette(colours);
}

void MessageBar::changeEvent(QEvent* event) {
    QFrame::changeEvent(event);
    if (event->type() == QEvent::PaletteChange) colour();
}

void MessageBar::showMessage(const QString& sentence, Tone tone) {
    m_tone = tone;
    colour();
    m_label->setText(sentence);
    m_label->setAccessibleDescription(sentence);
    m_action->hide();
    show();
}

void MessageBar::offer(const QString& sentence, const QString& action, std::function<void()> doIt) {
    showMessage(sentence, Tone::warning);
    m_doIt = std::move(doIt);
    m_action->setText(action);
    m_action->show();
}

void MessageBar::dropOutdated() {
    if (m_action->isHidden()) hide();
}

}  // namespace headroom::gui
