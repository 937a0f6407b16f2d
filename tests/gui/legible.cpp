#include <QPushButton>
#include <tuple>

#include "gui/app/palette_dialog.h"
#include "gui/views/table_view.h"
#include "planner/base/written_file.h"
#include "tests/gui/cut_off.h"
#include "tests/gui/requests.h"

using namespace headroom;
using namespace headroom::test;
using namespace headroom::gui;

namespace {

/// Something on every page: a plan for a framework, two plans kept, a search, a measurement.
void fill_pages(Window& window) {
    auto& main = window.main;
    auto request = llama8b("h100-sxm5-80gb", 8);
    main.session().document.replace(measured_plan().request, {});
    window.idle();
    const auto measured = window.home.file("measurement.json");
    write_file_atomically(measured.toStdString(), measurement_document().dump());
    main.openPath(measured);
    main.session().document.replace(request, {});
    window.idle();
    main.comparePage().keepPresent();
    request.engine = "fsdp";
    request.layout.zero = 3;
    main.session().document.replace(request, {});
    window.idle();
    main.comparePage().keepPresent();
    main.comparePage().setBaseline(0);
    main.plansPage().startSearch();
    window.idle();
    REQUIRE(main.runPage().findings().rowCount() > 0);
    REQUIRE(main.plansPage().candidates().rowCount() > 0);
}

/// What is cut off on each page of a window of that size.
QStringList cut_off_on_pages(Window& window, QSize size) {
    QTest::qWait(60);  // a smaller font lets the window become smaller
    window.main.resize(size);
    QStringList out;
    auto& pages = window.main.pages();
    for (int page = 0; page < pages.count(); ++page) {
        pages.setCurrentIndex(page);
        QTest::qWait(60);
        // Layouts settle over some turns; how many milliseconds that is depends on the machine.
        std::ignore = wait_for([&] { return cut_off(window.main).isEmpty(); }, 1000);
        for (const auto& each : cut_off(window.main)) {
            out.append(pages.tabText(page) + QStringLiteral(": ") + each);
        }
    }
    if (window.main.size() != size) {
        out.append(QStringLiteral("the window needs %1 x %2: request %3")
                       .arg(window.main.width())
                       .arg(window.main.height())
                       .arg(window.main.requestPage().minimumSizeHint().width()));
        for (int page = 0; page < pages.count(); ++page) {
            out.append(pages.tabText(page) + QStringLiteral(" needs ") +
                       QString::number(pages.widget(page)->minimumSizeHint().width()));
        }
    }
    out.removeDuplicates();
    return out;
}

}  // namespace

TEST_CASE("WhatHasTooLittleRoomIsNoticed") {
    application();
    QWidget window;
    auto* button = new QPushButton(QStringLiteral("a button with many words"), &window);
    auto* label = new QLabel(QStringLiteral("a label of many words that wrap"), &window);
    label->setWordWrap(true);
    window.show();
    button->setGeometry(0, 0, 30, 30);
    label->setGeometry(0, 40, 40, 12);
    CHECK(cut_off(window).size() == 2);
    button->resize(button->sizeHint());
    label->resize(200, 200);
    CHECK(cut_off(window).isEmpty());
}

TEST_CASE("NoWordIsCutOffAtTheSmallestSizeAtAnyFontInAnyColours") {
    Window window;
    const QFont before = QApplication::font();
    fill_pages(window);
    for (const bool settings : {false, true}) {
        window.main.requestPage().disclose(settings);
        for (const auto theme : {ThemeChoice::light, ThemeChoice::dark}) {
            window.main.setTheme(theme);
            for (int larger = 0; larger < 2; ++larger) {
                INFO("settings " << settings << ", " << QApplication::font().pointSize() << " pt");
                const auto cut = cut_off_on_pages(window, {1280, 800});
                CHECK(cut.join(QLatin1Char('\n')).toStdString() == std::string());
                for (int i = 0; i < 2; ++i) window.main.largerText();
            }
            for (int i = 0; i < 4; ++i) window.main.smallerText();
        }
    }
    window.main.setTheme(ThemeChoice::system);
    QApplication::setFont(before);
}

TEST_CASE("LargeTextFitsTheSmallestSizeBeforeAndAfterATheme") {
    Window window;
    const QFont before = QApplication::font();
    fill_pages(window);
    QFont large = before;
    large.setPointSize(14);
    QApplication::setFont(large);
    auto& main = window.main;
    for (const auto theme : {ThemeChoice::dark, ThemeChoice::light}) {
        main.setTheme(theme);
        main.pages().setCurrentWidget(&main.planPage());
        QTest::qWait(60);
        main.resize(1280, 800);
        // In large text a table may have to be scrolled sideways.
        const auto cut = [](const QWidget& page) {
            auto all = cut_off(page);
            all.removeIf([](const QString& each) { return each.contains(u"its width"); });
            return all;
        };
        for (QWidget* each :
             std::initializer_list<QWidget*>{&main.requestPage(), &main.planPage()}) {
            std::ignore = wait_for([&] { return cut(*each).isEmpty(); }, 1000);
            CHECK(cut(*each).join(QLatin1Char('\n')).toStdString() == std::string());
        }
        CHECK(main.width() == 1280);
        CHECK(main.height() == 800);
    }
    main.setTheme(ThemeChoice::system);
    QApplication::setFont(before);
}
