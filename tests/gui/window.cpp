#include <QClipboard>
#include <QDropEvent>
#include <QListWidget>
#include <QMimeData>
#include <QPrinter>
#include <QTextBrowser>

#include "gui/app/actions.h"
#include "gui/app/glossary.h"
#include "gui/app/palette_dialog.h"
#include "gui/views/theme.h"
#include "planner/base/json.h"
#include "planner/base/written_file.h"
#include "tests/gui/requests.h"

using namespace headroom;
using namespace headroom::test;
using namespace headroom::gui;

namespace {

void trigger(Window& window, const char* action) { window.find<QAction>(action).trigger(); }

/// A window with a plan of Llama 3.1 8B on eight H100.
void load_plan(Window& window) {
    window.main.session().document.replace(llama8b("h100-sxm5-80gb", 8), {});
    window.idle();
    REQUIRE(window.main.session().planner.current());
}

}  // namespace

TEST_CASE("BadFilesGiveAMessageAndKeepTheDocument") {
    Window window;
    load_plan(window);
    const auto before = window.main.session().document.request();
    const auto bad = window.home.file("bad.json");
    for (const auto* content :
         {"", "{", "[]", "null", "7", "{\"request\": 3}", "{\"model_type\": \"unheard-of\"}",
          "{\"model\": \"meta-llama/Llama-3.1-8B\", \"hardware\": {\"gpu\": \"nothing\"}}",
          "{\"kind\": \"measurement\"}", "{\"memory_capacity_gib\": -1}"}) {
        write_file_atomically(bad.toStdString(), content);
        window.main.messages().hide();
        window.main.openPath(bad);
        INFO(content);
        CHECK(window.main.messages().isVisible());
        CHECK_FALSE(window.main.messages().sentence().isEmpty());
        CHECK(window.main.session().document.request() == before);
        CHECK(window.main.isVisible());
    }
    const auto weights = window.home.file("bad.safetensors");
    write_file_atomically(weights.toStdString(), "not a header");
    window.main.openPath(weights);
    CHECK(window.main.session().document.request() == before);
    CHECK(window.main.recent().isEmpty());
}

TEST_CASE("AFileDroppedOnTheWindowIsOpened") {
    Window window;
    const auto file = window.home.file("config.json");
    write_file_atomically(file.toStdString(),
                          to_json(known().model("meta-llama/Llama-3.2-1B", "")).dump());
    QMimeData mime;
    mime.setUrls({QUrl::fromLocalFile(file)});
    QDragEnterEvent enter({10, 10}, Qt::CopyAction, &mime, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(&window.main, &enter);
    QDropEvent drop({10, 10}, Qt::CopyAction, &mime, Qt::LeftButton, Qt::NoModifier);
    QApplication::sendEvent(&window.main, &drop);
    CHECK(window.main.session().document.request().model.layers == 16);
    CHECK(window.main.session().document.request().model_name.empty());
    CHECK(window.main.recent() == QStringList{file});
}

TEST_CASE("WhatIsSavedOpensAsAnEqualRequestAndUndoReachesEveryEdit") {
    Window window;
    load_plan(window);
    window.type("sequence", "2048");
    window.type("gpus", "16");
    CHECK(window.main.isWindowModified());
    const auto edited = window.main.session().document.request();
    CHECK(edited.train.sequence == 2048);
    CHECK(edited.layout.data == 16);
    const auto file = window.home.file("plan.json");
    REQUIRE(window.main.saveTo(file));
    CHECK_FALSE(window.main.isWindowModified());
    CHECK(window.main.windowTitle().contains(QLatin1String("plan.json")));
    trigger(window, "undo");
    CHECK(window.main.session().document.request().train.sequence == 2048);
    CHECK(window.main.session().document.request().hardware.gpus == 8);
    CHECK(window.main.isWindowModified());
    window.main.openPath(file);
    CHECK(window.main.session().document.request() == edited);
    CHECK(window.main.recent().first() == file);
}

TEST_CASE("AnEditInTheFormReplansAndAnImpossibleOneSaysWhy") {
    Window window;
    load_plan(window);
    auto& form = window.main.requestPage().form();
    for (const auto& knob : knobs()) {
        const bool elsewhere =
            knob.name == "goal" || knob.name == "sequence" || knob.name == "tokens";
        INFO(knob.name);
        REQUIRE((form.editorOf(knob.name) == nullptr) == elsewhere);
        if (!elsewhere) CHECK_FALSE(form.editorOf(knob.name)->accessibleName().isEmpty());
    }
    CHECK_FALSE(form.editorOf("lora_rank")->isEnabled());
    window.type("zero", "3");
    CHECK(window.main.session().document.request().layout.zero == 3);
    CHECK(window.main.planPage().badgeWord().contains(QLatin1String("Fits")));
    window.type("tensor", "3");
    CHECK_FALSE(window.main.session().planner.current());
    CHECK(window.find<QLabel>("refusal").text().contains(QLatin1String("/layout")));
    trigger(window, "undo");
    window.idle();
    CHECK(window.main.session().planner.current());
    CHECK(window.find<QLabel>("refusal").text().isEmpty());
}

TEST_CASE("HoveringASegmentTellsItsFormula") {
    Window window;
    load_plan(window);
    const auto& bar = window.main.planPage().bar();
    QStringList notes;
    for (int x = 0; x < bar.width(); x += 4) {
        const auto note = bar.noteAt({static_cast<double>(x), bar.height() * 0.25});
        if (!note.isEmpty() && !notes.contains(note)) notes.append(note);
    }
    CHECK(notes.size() >= 4);
    CHECK(notes.join(QLatin1Char(' ')).contains(QLatin1String("= 32 x ")));
}

TEST_CASE("ChoosingAMomentListsWhatIsAliveThere") {
    Window window;
    load_plan(window);
    auto& page = window.main.planPage();
    const auto at_peak = page.alive().rows().front().item.bytes;
    CHECK(at_peak > Bytes{});
    page.timeline().choose(0);
    const auto rows = page.alive().rows();
    REQUIRE_FALSE(rows.empty());
    const auto has = [&](const QString& category) {
        return std::ranges::any_of(rows, [&](const auto& row) { return row.category == category; });
    };
    CHECK(has(QStringLiteral("parameters")));
}

TEST_CASE("TheSearchCanBePinnedFilteredAndAdopted") {
    Window window;
    load_plan(window);
    auto& page = window.main.plansPage();
    page.pin(QStringLiteral("zero"), true);
    CHECK(page.pinned() == std::vector<std::string>{"zero"});
    trigger(window, "search");
    CHECK(window.main.session().planner.isSearching());
    window.idle();
    REQUIRE(page.candidates().rowCount() > 0);
    for (const auto& row : page.candidates().rows()) {
        CHECK(row.candidate.request.layout.zero == 0);
    }
    page.adoptSelected();
    window.idle();
    const auto& rows = page.candidates().rows();
    const auto best = std::ranges::find_if(rows, &CandidateRow::best);
    REQUIRE(best != rows.end());
    CHECK(window.main.session().document.request() == best->candidate.request);
    trigger(window, "search");
    page.cancelSearch();
    window.idle();
    CHECK(page.status().contains(QLatin1String("cancelled")));
}

TEST_CASE("ClosingDuringASearchLeavesNothingBehind") {
    Window window;
    window.main.session().document.replace(llama8b("h100-sxm5-80gb", 256), {});
    window.main.plansPage().startSearch();
    QTest::qWait(3);
    CHECK(window.main.close());
    CHECK(QDir(window.home.folder.path()).entryList({QStringLiteral("autosave*")}).isEmpty());
}

TEST_CASE("AWindowThatDidNotEndByItselfIsRecovered") {
    const Home home;
    application();
    Autosave left(home.folder.path());
    const auto request = llama8b("rtx-4090", 1);
    REQUIRE(left.write({.request = request}, {}).isEmpty());
    REQUIRE(QFile::rename(left.file(), home.file("autosave-999999999.json")));
    MainWindow window(library(), home.places());
    window.setUnsavedQuestion([] { return Unsaved::discard; });
    window.show();
    CHECK(window.messages().sentence().contains(QLatin1String("ended before its time")));
    CHECK(window.session().document.request().model.layers == 0);
    window.messages().findChild<QPushButton*>()->click();
    CHECK(window.session().document.request() == request);
    CHECK(window.isWindowModified());
    window.close();
}

TEST_CASE("EveryKindOfExportIsWritten") {
    Window window;
    load_plan(window);
    const auto content = [&](const char* name) {
        const auto file = window.home.file(name);
        INFO(name);
        REQUIRE(window.main.exportTo(file));
        return QString::fromStdString(read_text_file(file.toStdString()));
    };
    CHECK(content("a.csv").contains(QLatin1String("parameters,")));
    CHECK(content("a.md").contains(QLatin1String("| parameters |")));
    CHECK(content("a.txt").contains(QLatin1String("Memory of each GPU")));
    CHECK(content("a.svg").contains(QLatin1String("<svg")));
    CHECK(content("a.json").contains(QLatin1String("\"verdict\"")));
    REQUIRE(window.main.exportTo(window.home.file("a.png")));
    CHECK(QImage(window.home.file("a.png")).width() > 500);
    CHECK_FALSE(window.main.exportTo(window.home.file("a.xyz")));
    CHECK_FALSE(window.main.exportTo(QStringLiteral("/nowhere/at/all.json")));
    QPrinter printer(QPrinter::ScreenResolution);
    printer.setOutputFormat(QPrinter::PdfFormat);
    printer.setOutputFileName(window.home.file("a.pdf"));
    window.main.printTo(printer);
    CHECK(QFileInfo(window.home.file("a.pdf")).size() > 1000);
    trigger(window, "copy_text");
    CHECK(QApplication::clipboard()->text().contains(QLatin1String("Llama-3.1-8B")));
}

TEST_CASE("GigabytesAreAToggleAndTheChoiceIsKept") {
    const Home home;
    application();
    const auto unit = [&](bool toggle) {
        MainWindow window(library(), home.places());
        window.setUnsavedQuestion([] { return Unsaved::discard; });
        if (toggle) window.toggleUnit();
        const auto name = window.session().figures().unitName();
        window.close();
        return name;
    };
    CHECK(unit(false) == QLatin1String("GiB"));
    CHECK(unit(true) == QLatin1String("GB"));
    CHECK(unit(false) == QLatin1String("GB"));
}

TEST_CASE("EveryActionHasItsOwnKeysAndThePaletteFindsIt") {
    Window window;
    QStringList keys;
    for (const auto& row : action_rows()) {
        const QString each = QString::fromUtf8(row.keys);
        INFO(row.id);
        CHECK(window.main.findChild<QAction*>(QString::fromUtf8(row.id)) != nullptr);
        if (each.isEmpty()) continue;
        CHECK_FALSE(keys.contains(each));
        keys.append(each);
    }
    trigger(window, "palette");
    auto* palette = window.main.findChild<PaletteDialog*>();
    REQUIRE(palette != nullptr);
    CHECK(palette->shown().size() > static_cast<qsizetype>(action_rows().size()));
    palette->filter(QStringLiteral("xyzzy"));
    CHECK(palette->findChild<QLabel*>()->isVisible());
    palette->filter(QStringLiteral("go ladder"));
    CHECK_FALSE(palette->findChild<QLabel*>()->isVisible());
    CHECK(palette->shown().size() == 1);
    palette->accept();
    CHECK(window.main.pages().currentWidget() == &window.main.ladderPage());
}

TEST_CASE("F1ExplainsWhatHasTheFocusAndEveryCategoryAndSettingIsATerm") {
    Window window;
    for (const auto& knob : knobs()) CHECK_FALSE(term_named(label_of(knob)).meaning.isEmpty());
    for (const auto name : kRoleNames) CHECK_FALSE(term_named(text(name)).meaning.isEmpty());
    CHECK(term_named(QStringLiteral("Batch, sequences")).name == QLatin1String("Batch"));
    trigger(window, "help");
    auto* dialog = window.main.findChild<QDialog*>(QStringLiteral("glossary"));
    REQUIRE(dialog != nullptr);
    CHECK(dialog->findChild<QTextBrowser*>()->toPlainText().contains(QLatin1String("MFU")));
    dialog->close();
}

TEST_CASE("EveryWidgetThatTakesTheFocusHasANameForScreenReaders") {
    Window window;
    load_plan(window);
    window.main.requestPage().disclose(true);
    int named = 0;
    for (const auto* widget : window.main.findChildren<QWidget*>()) {
        if ((widget->focusPolicy() & Qt::TabFocus) == 0) continue;
        if (widget->objectName().startsWith(QLatin1String("qt_"))) continue;  // parts of one
        if (widget->window() != &window.main) continue;                       // a list that pops up
        if (qobject_cast<const QGraphicsView*>(widget->parentWidget()) != nullptr) continue;
        const auto* button = qobject_cast<const QAbstractButton*>(widget);
        const auto words = button != nullptr ? button->text() : QString();
        INFO(widget->metaObject()->className()
             << " " << widget->objectName().toStdString() << " in "
             << widget->parentWidget()->metaObject()->className());
        CHECK_FALSE((widget->accessibleName() + words).isEmpty());
        ++named;
    }
    CHECK(named > 60);
}

TEST_CASE("TheTabKeyReachesEveryEditorOfTheRequestAndEveryPage") {
    Window window;
    load_plan(window);
    auto& page = window.main.requestPage();
    page.disclose(true);
    window.main.focusModel();
    QSet<QString> reached;
    for (int i = 0; i < 200; ++i) {
        if (const auto* at = QApplication::focusWidget()) reached.insert(at->objectName());
        QTest::keyClick(QApplication::focusWidget(), Qt::Key_Tab);
    }
    for (const auto* name : {"model", "teacher", "gpu", "gpus", "nodes", "goal", "sequence",
                             "batch", "tokens", "engine", "zero", "micro_batch"}) {
        INFO(name);
        CHECK(reached.contains(QString::fromUtf8(name)));
    }
    auto& tabs = window.main.pages();
    tabs.setCurrentIndex(0);
    tabs.tabBar()->setFocus();
    for (int i = 1; i < tabs.count(); ++i) {
        QTest::keyClick(tabs.tabBar(), Qt::Key_Right);
        CHECK(tabs.currentIndex() == i);
    }
}

TEST_CASE("F1OnAFocusedFieldExplainsThatField") {
    Window window;
    load_plan(window);
    for (const auto& [field, term] :
         {std::pair{"batch", "Batch"}, std::pair{"engine", "Framework"}, std::pair{"gpu", "GPU"}}) {
        window.find<QWidget>(field).setFocus();
        trigger(window, "help");
        auto* dialog = window.main.findChild<QDialog*>(QStringLiteral("glossary"));
        REQUIRE(dialog != nullptr);
        const auto page = dialog->findChild<QTextBrowser*>()->toPlainText();
        INFO(field);
        CHECK(page.startsWith(QString::fromUtf8(term)));
        delete dialog;
    }
}

TEST_CASE("CorruptFilesOfItsOwnAreToldInTheWindowAndDropped") {
    const Home home;
    application();
    write_file_atomically(home.places().recentFile().toStdString(), "{");
    write_file_atomically(home.file("autosave-999999999.json").toStdString(), "rubbish");
    write_file_atomically(home.places().settingsFile().toStdString(), "\x01[[[=");
    MainWindow window(library(), home.places());
    window.setUnsavedQuestion([] { return Unsaved::discard; });
    window.show();
    CHECK(window.messages().isVisible());
    CHECK(window.messages().sentence().contains(QLatin1String("recent files")));
    CHECK(window.messages().sentence().contains(QLatin1String("autosaved")));
    CHECK_FALSE(QFileInfo::exists(home.file("autosave-999999999.json")));
    window.close();
}

TEST_CASE("TheWindowComesBackAsItWasLeft") {
    const Home home;
    application();
    const QFont before = QApplication::font();
    {
        MainWindow window(library(), home.places());
        window.resize(1111, 777);
        window.pages().setCurrentIndex(3);
        window.setTheme(ThemeChoice::dark);
        window.show();
        window.largerText();
        window.close();
    }
    const int larger = QApplication::font().pointSize();
    CHECK(larger == before.pointSize() + 1);
    QApplication::setFont(before);
    MainWindow window(library(), home.places());
    window.show();
    CHECK(window.size() == QSize(1111, 777));
    CHECK(window.pages().currentIndex() == 3);
    CHECK(shadeOf(QApplication::palette()) == Shade::dark);
    CHECK(QApplication::font().pointSize() == larger);
    window.setTheme(ThemeChoice::system);
    QApplication::setFont(before);
    window.close();
}

TEST_CASE("NeighbouringCategoriesDifferInLightnessOrPattern") {
    QStringList names;
    for (const auto name : kRoleNames) names.append(text(name));
    names.append(QStringLiteral("reserved"));
    for (qsizetype i = 1; i < names.size(); ++i) {
        const auto a = categoryStyle(names[i - 1]);
        const auto b = categoryStyle(names[i]);
        INFO(names[i].toStdString());
        CHECK(a.fill != b.fill);
        CHECK((a.pattern != b.pattern || std::abs(a.fill.lightness() - b.fill.lightness()) > 30));
    }
}
