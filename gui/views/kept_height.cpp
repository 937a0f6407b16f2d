#include "gui/views/kept_height.h"

#include <QEvent>
#include <QLayout>

namespace headroom::gui {

KeptHeight::KeptHeight(QWidget* page) : QObject(page), m_page(page) {
    page->installEventFilter(this);
}

bool KeptHeight::eventFilter(QObject* watched, QEvent* event) {
    switch (event->type()) {
        case QEvent::Hide:
            m_page->setMinimumHeight(0);  // its width will be another one
            break;
        case QEvent::Show:
        case QEvent::Resize:
        case QEvent::LayoutRequest:
            if (m_page->isVisible()) {
                m_page->setMinimumHeight(m_page->layout()->minimumHeightForWidth(m_page->width()));
            }
            break;
        default:
            break;
    }
    return QObject::eventFilter(watched, event);
}

}  // namespace headroom::gui
