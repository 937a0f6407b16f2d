#include "gui/views/theme.h"
#include "tests/gui/requests.h"

using namespace headroom;
using namespace headroom::test;
using namespace headroom::gui;

namespace {

/// Widgets of the page in front that the Tab key reaches, and are in sight.
QList<QWidget*> reached(const MainWindow& window) {
    QList<QWidget*> out;
    for (auto* each : window.findChildren<QWidget*>()) {
        const bool tab = (each->focusPolicy() & Qt::TabFocus) == Qt::TabFocus;
        if (tab && each->isVisible() && each->isEnabled() && each->window() == &window &&
            each->focusProxy() == nullptr && !each->visibleRegion().isEmpty()) {
            out.append(each);
        }
    }
    return out;
}

/// As the Tab key does.
void bring_in_sight(QWidget& each) {
    for (auto* above = each.parentWidget(); above != nullptr; above = above->parentWidget()) {
        if (auto* area = qobject_cast<QScrollArea*>(above)) area->ensureWidgetVisible(&each);
    }
}

QImage picture(MainWindow& window, const QWidget& of) {
    QApplication::processEvents();
    const QRect place(of.mapTo(&window, QPoint()), of.size());
    return window.grab(place.adjusted(-2, -2, 2, 2)).toImage();
}

/// How many points of two pictures of one thing can be told from each other.
int differing(const QImage& a, const QImage& b) {
    constexpr double kSeen = 2.0;
    int count = 0;
    for (int y = 0; y < a.height(); ++y) {
        for (int x = 0; x < a.width(); ++x) {
            if (a.pixel(x, y) == b.pixel(x, y)) continue;
            if (contrast(a.pixelColor(x, y), b.pixelColor(x, y)) >= kSeen) ++count;
        }
    }
    return count;
}

}  // namespace

TEST_CASE("TheFocusIsSeenWhereverTheKeyboardTakesIt") {
    Window window;
    window.main.session().document.replace(llama8b("h100-sxm5-80gb", 8), {});
    window.idle();
    window.main.comparePage().keepPresent();
    window.main.resize(1280, 800);
    window.main.activateWindow();
    REQUIRE(QTest::qWaitForWindowActive(&window.main));
    const int flash = QApplication::cursorFlashTime();
    QApplication::setCursorFlashTime(0);
    auto& pages = window.main.pages();
    for (const auto theme : {ThemeChoice::light, ThemeChoice::dark}) {
        window.main.setTheme(theme);
        for (int page = 0; page < pages.count(); ++page) {
            pages.setCurrentIndex(page);
            QTest::qWait(60);
            for (auto* each : reached(window.main)) {
                bring_in_sight(*each);
                window.main.setFocus();
                const auto without = picture(window.main, *each);
                each->setFocus(Qt::TabFocusReason);
                const auto with = picture(window.main, *each);
                INFO(pages.tabText(page).toStdString()
                     << ": " << each->metaObject()->className() << " "
                     << each->accessibleName().toStdString() << each->objectName().toStdString());
                CHECK(differing(without, with) >= each->width() + each->height());
            }
        }
    }
    QApplication::setCursorFlashTime(flash);
    window.main.setTheme(ThemeChoice::system);
}
