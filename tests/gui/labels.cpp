#include <QAbstractButton>
#include <QGroupBox>
#include <QLabel>
#include <QMap>
#include <QMenuBar>

#include "tests/gui/cut_off.h"
#include "tests/gui/requests.h"

using namespace headroom;
using namespace headroom::test;

namespace {

/// Letters that work with Alt on the page in front, each with the words that claim it.
QMap<QString, QStringList> claimed(gui::MainWindow& main) {
    QMap<QString, QStringList> out;
    const auto claim = [&](const QString& words) {
        const auto key = QKeySequence::mnemonic(words).toString();
        if (!key.isEmpty()) out[key].append(words);
    };
    for (const auto* menu : main.menuBar()->actions()) claim(menu->text());
    for (int i = 0; i < main.pages().count(); ++i) claim(main.pages().tabText(i));
    for (const auto* button : main.findChildren<QAbstractButton*>()) {
        if (button->isVisibleTo(&main)) claim(button->text());
    }
    for (const auto* label : main.findChildren<QLabel*>()) {
        if (label->isVisibleTo(&main) && label->buddy() != nullptr) claim(label->text());
    }
    return out;
}

}  // namespace

TEST_CASE("NoTwoThingsOnAPageAskForTheSameKey") {
    Window window;
    window.main.requestPage().disclose(true);
    auto& pages = window.main.pages();
    for (int page = 0; page < pages.count(); ++page) {
        pages.setCurrentIndex(page);
        const auto keys = claimed(window.main);
        CHECK(keys.size() > 15);
        for (const auto& words : keys) {
            INFO(words.join(QLatin1String(", ")).toStdString());
            CHECK(words.size() == 1);
        }
    }
}

TEST_CASE("EveryAmountOnThePlanPageFollowsTheChosenUnit") {
    Window window;
    window.main.session().document.replace(llama8b("h100-sxm5-80gb", 8), {});
    window.idle();
    window.main.toggleUnit();
    QApplication::processEvents();
    for (const auto* label : window.main.findChildren<QLabel*>()) {
        INFO(label->text().toStdString());
        if (label->isVisibleTo(&window.main)) {
            CHECK_FALSE(label->text().contains(QLatin1String("GiB")));
        }
    }
    window.main.toggleUnit();
}

TEST_CASE("NothingIsCutOffBeforeThereIsAPlan") {
    Window window;
    window.main.resize(1280, 800);
    auto& pages = window.main.pages();
    for (int page = 0; page < pages.count(); ++page) {
        pages.setCurrentIndex(page);
        QTest::qWait(60);
        const auto cut = cut_off(window.main);
        CHECK(cut.join(QLatin1Char('\n')).toStdString() == std::string());
    }
}

TEST_CASE("SectionsOfTheFormAreSpelledAsTheFieldSpellsThem") {
    Window window;
    QStringList titles;
    for (const auto* group : window.main.requestPage().findChildren<QGroupBox*>()) {
        titles.append(group->title());
    }
    for (const auto* name : {"ZeRO", "LoRA", "QLoRA", "MoE"}) {
        INFO(name);
        CHECK(titles.contains(QString::fromUtf8(name)));
    }
}

TEST_CASE("WithoutAGpuTheNodeTypeNamesNone") {
    Window window;
    window.main.newDocument();
    window.idle();
    for (const auto* box : window.main.requestPage().findChildren<QComboBox*>()) {
        CHECK_FALSE(box->currentText().endsWith(QLatin1String(": ")));
    }
}
