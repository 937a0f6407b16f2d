#include "gui/views/theme.h"

#include <QCheckBox>
#include <QLineEdit>
#include <QMenu>
#include <QToolButton>

#include "gui/views/boxes.h"
#include "tests/gui/requests.h"

using namespace headroom;
using namespace headroom::test;
using namespace headroom::gui;

namespace {

/// The most that a pixel of a widget stands out from the window.
double most_contrast(QWidget& widget) {
    const QImage picture = widget.grab().toImage();
    const QColor window = widget.palette().color(QPalette::Window);
    double most = 1.0;
    for (int y = 0; y < picture.height(); ++y) {
        for (int x = 0; x < picture.width(); ++x) {
            most = std::max(most, contrast(picture.pixelColor(x, y), window));
        }
    }
    return most;
}

}  // namespace

TEST_CASE("SecondaryTextIsLegibleInEveryTheme") {
    application();
    CHECK(contrast(Qt::black, Qt::white) == Approx(21.0));
    for (const auto theme : {ThemeChoice::system, ThemeChoice::light, ThemeChoice::dark}) {
        applyTheme(theme);
        INFO("theme " << static_cast<int>(theme));
        const auto palette = QApplication::palette();
        const QColor faint = toneColour(Tone::faint, palette);
        CHECK(contrast(faint, palette.color(QPalette::Window)) >= 4.5);
        CHECK(contrast(faint, palette.color(QPalette::Base)) >= 4.5);
        const NoteLabel note;
        CHECK(note.palette().color(QPalette::WindowText) == faint);
    }
    applyTheme(ThemeChoice::system);
}

TEST_CASE("EmptyFieldsAndUncheckedBoxesAreSeenOnDarkColours") {
    application();
    applyTheme(ThemeChoice::dark);
    QCheckBox box;
    QLineEdit line;
    for (QWidget* each : std::initializer_list<QWidget*>{&box, &line}) {
        INFO(each->metaObject()->className());
        each->resize(each->sizeHint());
        CHECK(most_contrast(*each) >= 3.0);
    }
    applyTheme(ThemeChoice::system);
}

TEST_CASE("AButtonWithAMenuHasRoomForItsArrow") {
    application();
    applyTheme(ThemeChoice::system);
    QToolButton button;
    button.setText(QStringLiteral("Columns"));
    const int plain = button.sizeHint().width();
    QMenu menu;
    button.setPopupMode(QToolButton::InstantPopup);
    button.setMenu(&menu);
    const int arrow = button.style()->pixelMetric(QStyle::PM_MenuButtonIndicator, nullptr, &button);
    CHECK(button.sizeHint().width() >= plain + arrow);
}
