#pragma once

#include <QWidget>

namespace headroom::gui {

/// While it is seen a page is never lower than its parts, in as many lines as its width makes of
/// words and rows: Qt alone asks for a smallest height without a width.
class KeptHeight : public QObject {
    Q_OBJECT

public:
    explicit KeptHeight(QWidget* page);

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    QWidget* m_page;
};

}  // namespace headroom::gui
