#pragma once

#include <QFocusFrame>
#include <QObject>
#include <QPointer>

namespace headroom::gui {

/// A ring around whatever has the keyboard's focus: Qt's style shows it for few kinds of widgets.
class FocusRing : public QObject {
    Q_OBJECT

public:
    explicit FocusRing(QObject* parent);
    ~FocusRing() override;

private:
    void follow(QWidget* focused);

    QPointer<QFocusFrame> m_frame{};  ///< goes with the window that it is shown in
};

}  // namespace headroom::gui
