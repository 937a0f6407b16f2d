#include "gui/views/focus_ring.h"

#include <QApplication>

namespace headroom::gui {

FocusRing::FocusRing(QObject* parent) : QObject(parent) {
    connect(qApp, &QApplication::focusChanged, this,
            [this](QWidget*, QWidget* now) { follow(now); });
}

FocusRing::~FocusRing() { delete m_frame; }

void FocusRing::follow(QWidget* focused) {
    const bool wanted = focused != nullptr && !focused->isWindow();
    if (!wanted) {
        if (m_frame) m_frame->setWidget(nullptr);
        return;
    }
    if (!m_frame) m_frame = new QFocusFrame;
    m_frame->setWidget(focused);
}

}  // namespace headroom::gui
