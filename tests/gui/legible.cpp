#include <QPushButton>
#include <tuple>

#include "gui/app/palette_dialog.h"
#include "gui/views/flow_row.h"
#include "gui/views/frozen_column.h"
#include "planner/base/written_file.h"
#include "tests/gui/cut_off.h"
#include "tests/gui/requests.h"

using namespace headroom;
using namespace headroom::test;
using namespace headroom::gui;

namespace {

/// The smallest screen that the window is made for.
constexpr QSize kWhole(1280, 800);

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

/// Layouts settle over some turns; how many milliseconds that is depends on the machine.
QStringList settled_cut_off(const QWidget& window) {
    std::ignore = wait_for([&] { return cut_off(window).isEmpty(); }, 1500);
    return cut_off(window);
}

/// What is cut off on each page of a window of that size, or of the smallest one that it takes.
QStringList cut_off_on_pages(Window& window, QSize size) {
    QStringList out;
    auto& pages = window.main.pages();
    for (int page = 0; page < pages.count(); ++page) {
        pages.setCurrentIndex(page);
        QTest::qWait(60);  // a smaller font lets the window become smaller
        window.main.resize(size);
        QTest::qWait(60);
        for (const auto& each : settled_cut_off(window.main)) {
            out.append(pages.tabText(page) + QStringLiteral(": ") + each);
        }
        if (window.main.width() > kWhole.width() || window.main.height() > kWhole.height()) {
            out.append(QStringLiteral("%1: the window needs %2 x %3")
                           .arg(pages.tabText(page))
                           .arg(window.main.width())
                           .arg(window.main.height()));
        }
    }
    out.removeDuplicates();
    return out;
}

void set_font_size(int points) {
    QFont font = QApplication::font();
    font.setPointSize(points);
    QApplication::setFont(font);
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

TEST_CASE("NoWordIsCutOffAtAnySizeAtAnyFontInAnyColours") {
    Window window;
    const QFont before = QApplication::font();
    fill_pages(window);
    constexpr std::pair<int, ThemeChoice> kLooks[] = {{9, ThemeChoice::light},
                                                      {9, ThemeChoice::dark},
                                                      {12, ThemeChoice::dark},
                                                      {14, ThemeChoice::dark},
                                                      {14, ThemeChoice::light}};
    for (const auto& [points, theme] : kLooks) {
        set_font_size(points);
        window.main.setTheme(theme);
        for (const bool settings : {true, false}) {
            window.main.requestPage().disclose(settings);
            for (const auto size : {kWhole, QSize(1, 1)}) {
                INFO(points << " pt, settings " << settings << ", width " << size.width());
                const auto cut = cut_off_on_pages(window, size);
                CHECK(cut.join(QLatin1Char('\n')).toStdString() == std::string());
            }
        }
    }
    window.main.setTheme(ThemeChoice::system);
    QApplication::setFont(before);
}

TEST_CASE("NoWordOfADialogIsCutOffInLargeText") {
    Window window;
    const QFont before = QApplication::font();
    set_font_size(14);
    window.main.showPalette();
    window.main.showGlossary();
    for (auto* dialog : window.main.findChildren<QDialog*>()) {
        QTest::qWait(60);
        CHECK(cut_off(*dialog).join(QLatin1Char('\n')).toStdString() == std::string());
        dialog->close();
    }
    QApplication::setFont(before);
}

TEST_CASE("ALadderWithoutNotesHasNoColumnOfThem") {
    Window window;
    window.main.session().document.replace(llama8b("h100-sxm5-80gb", 8), {});
    window.idle();
    const auto noted = [&] {
        auto& table = *window.main.ladderPage().findChild<QTableView*>();
        return !table.isColumnHidden(table.model()->columnCount() - 1);
    };
    CHECK_FALSE(noted());
    window.main.session().document.replace(llama8b("h100-sxm5-80gb", 1), {});
    window.idle();
    CHECK(noted());
}

TEST_CASE("TheFirstColumnOfAComparisonStaysInSight") {
    Window window;
    fill_pages(window);
    auto& page = window.main.comparePage();
    for (int i = 0; i < 4; ++i) page.keepPresent();
    window.main.pages().setCurrentWidget(&page);
    QTest::qWait(60);
    auto* frozen = page.findChild<FrozenColumn*>();
    auto& table = *qobject_cast<QTableView*>(frozen->parentWidget());
    auto& bar = *table.horizontalScrollBar();
    CHECK_FALSE(frozen->isVisible());
    REQUIRE(bar.maximum() > 0);
    bar.setValue(bar.maximum());
    table.verticalScrollBar()->setValue(3);
    CHECK(frozen->isVisible());
    CHECK(frozen->width() == table.columnWidth(0));
    CHECK(frozen->isColumnHidden(1));
    for (const int row : {3, 6}) {
        const auto own = frozen->visualRect(frozen->model()->index(row, 0));
        const auto beside = table.visualRect(table.model()->index(row, 1));
        CHECK(own.top() == beside.top());
        CHECK(own.height() == beside.height());
    }
    table.setFocus();
    table.setCurrentIndex(table.model()->index(4, 1));
    REQUIRE(
        wait_for([&] { return table.visualRect(table.currentIndex()).left() >= frozen->width(); }));
    bar.setValue(0);
    CHECK_FALSE(frozen->isVisible());
}

TEST_CASE("ARowOfControlsGoesOnInTheNextLine") {
    application();
    QWidget window;
    auto* row = new FlowRow(&window);
    auto* button = new QPushButton(QStringLiteral("a button of many words"), &window);
    auto* line = new PromptLine(QStringLiteral("a prompt of many words"), &window);
    row->addWidget(button);
    row->addWidget(line);
    window.resize(2000, 400);
    window.show();
    QTest::qWait(20);
    CHECK(line->x() > button->x() + button->width());
    CHECK(line->x() + line->width() == 2000);
    CHECK(row->heightForWidth(2000) < row->heightForWidth(300));
    window.resize(300, 400);
    QTest::qWait(20);
    CHECK(line->y() >= button->y() + button->height());
    CHECK(line->width() == 300);
    CHECK(cut_off(window).isEmpty());
}

TEST_CASE("NoLineEndsBetweenANumberAndItsUnit") {
    const auto kept = kept_together(QStringLiteral("79.17 GiB usable, 3350.0 GB/s"));
    CHECK(kept.count(QLatin1Char(' ')) == 2);
    CHECK(kept.endsWith(QStringLiteral("GB/\u2060s")));
}
