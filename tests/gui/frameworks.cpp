#include <QAbstractItemModelTester>
#include <QComboBox>

#include "gui/models/forecast_table.h"
#include "planner/cli/report_engine.h"
#include "tests/gui/requests.h"

using namespace headroom;
using namespace headroom::test;
using namespace headroom::gui;

namespace {

/// Chooses in a list as a person does: with the keyboard.
void choose(QComboBox& box, int index) {
    box.setFocus();
    QTest::keyClick(&box, Qt::Key_Home);
    for (int i = 0; i < index; ++i) QTest::keyClick(&box, Qt::Key_Down);
}

const ForecastRow& row_named(const ForecastPanel& panel, const QString& name) {
    const auto& rows = panel.rows().rows();
    const auto found = std::ranges::find(rows, name, &ForecastRow::name);
    REQUIRE(found != rows.end());
    return *found;
}

}  // namespace

TEST_CASE("EveryFrameworkCanBeChosenAndEachNameMeansItself") {
    const auto choices = engine_choices();
    REQUIRE(choices.size() == engines().size() + 1);
    for (std::size_t i = 0; i < choices.size(); ++i) {
        INFO(choices[i].words.toStdString());
        CHECK(engine_choice_of(choices[i].name.toStdString()) == static_cast<int>(i));
        if (i > 0) CHECK(&engine_of(choices[i].name.toStdString()) == &engines()[i - 1]);
    }
    const auto& newest = engines().front();
    const auto spelled = std::string(newest.id) + "-" + std::string(newest.version);
    CHECK(engine_choice_of(spelled) == 1);
    CHECK(engine_choice_of("nobody") == -1);
}

TEST_CASE("TheForecastOnThePageIsThatOfTheProgram") {
    Window window;
    auto request = llama8b("h100-sxm5-80gb", 8);
    request.layout.zero = 3;
    window.main.session().document.replace(request, {});
    window.idle();
    auto& page = window.main.planPage();
    CHECK_FALSE(page.forecast().isVisible());
    auto& box = window.find<QComboBox>("engine");
    CHECK(box.currentData().toString() == QLatin1String("headroom"));
    for (int index = 1; index < box.count(); ++index) {
        choose(box, index);
        window.idle();
        const auto& asked = window.main.session().document.request();
        INFO(asked.engine);
        REQUIRE(engine_choice_of(asked.engine) == index);
        const auto expected = forecast(asked, cli::load_timing(HEADROOM_PROFILES));
        CHECK(page.forecast().isVisible());
        CHECK(row_named(page.forecast(), QStringLiteral("reserved")).bytes ==
              expected.memory.reserved);
        CHECK(row_named(page.forecast(), QStringLiteral("Memory of a process")).bytes ==
              expected.memory.process);
        CHECK(row_named(page.forecast(), QStringLiteral("Time of a step")).value ==
              text(expected.step));
        const char* const words[] = {"Fits", "Tight", "Unlikely to fit", "Does not fit"};
        const auto* word = words[static_cast<int>(chances(expected))];
        CHECK(page.badgeWord().contains(QLatin1String(word)));
    }
    for (int i = 1; i < box.count(); ++i) window.main.undo();
    window.idle();
    CHECK(window.main.session().document.request() == request);
    CHECK_FALSE(page.forecast().isVisible());
}

TEST_CASE("AFrameworkThatCannotRunAPlanOrThatNobodyKnowsIsASentenceInPlace") {
    Window window;
    auto request = llama8b("h100-sxm5-80gb", 8);
    request.engine = "fsdp";
    request.train.optimizer = OptimizerKind::adafactor;
    window.main.session().document.replace(request, {});
    window.idle();
    const auto& panel = window.main.planPage().forecast();
    CHECK(panel.isVisible());
    CHECK(panel.sentence().contains(QLatin1String("adafactor")));
    CHECK(panel.rows().rowCount() == 0);
    request.engine = "nobody";
    window.main.session().document.replace(request, {});
    window.idle();
    CHECK(panel.sentence().contains(QLatin1String("nobody")));
    CHECK(window.main.planPage().badgeWord() == QLatin1String("No forecast"));
}

TEST_CASE("TheForecastsTableKeepsTheRulesOfItemModelsAndTheChosenUnit") {
    application();
    auto request = llama8b("h100-sxm5-80gb", 8);
    request.engine = "megatron";
    const auto plan = predict(request);
    const auto expected = forecast(request, cli::load_timing(HEADROOM_PROFILES));
    auto model = forecast_model();
    const QAbstractItemModelTester tester(&model,
                                          QAbstractItemModelTester::FailureReportingMode::Fatal);
    model.setRows(forecast_rows(plan, expected));
    const auto first = [&] { return model.index(0, 1).data().toString(); };
    CHECK(first() == Figures{}.memory(expected.memory.process));
    model.setFigures({MemoryUnit::gb});
    CHECK(first().endsWith(QLatin1String(" GB")));
}

TEST_CASE("AForecastThatIsNoLongerAskedForNeverLands") {
    Window window;
    auto request = llama8b("h100-sxm5-80gb", 8);
    request.engine = "megatron";
    auto& session = window.main.session();
    for (int i = 0; i < 8; ++i) {
        request.train.sequence = 1024 << (i % 3);
        session.document.replace(request, {});
    }
    window.idle();
    REQUIRE(session.planner.forecast());
    CHECK(session.planner.forecast()->memory.process ==
          forecast(request, cli::load_timing(HEADROOM_PROFILES)).memory.process);
    request.engine = PlanRequest{}.engine;
    session.document.replace(request, {});
    CHECK_FALSE(session.planner.forecast());
    window.idle();
    CHECK_FALSE(session.planner.forecast());
}

TEST_CASE("EachAssignmentOfTheChartShowsAllThreeQuantitiesAndSelectsWithTheTable") {
    Window window;
    window.main.session().document.replace(llama8b("h100-sxm5-80gb", 8), {});
    window.idle();
    auto& page = window.main.plansPage();
    page.startSearch();
    window.main.pages().setCurrentWidget(&page);
    window.idle();
    REQUIRE(page.candidates().rowCount() > 2);
    CHECK(pareto_axes().size() == 6);
    auto& chart = page.chart();
    for (const auto& axes : pareto_axes()) {
        CHECK(axes.x != axes.y);
        CHECK(axes.x != axes.colour);
        CHECK(axes.y != axes.colour);
        chart.setAxes(axes);
        QTest::qWait(20);
        double least = 1.0;
        double most = 0.0;
        for (int row = 0; row < page.candidates().rowCount(); ++row) {
            least = std::min(least, chart.shareOf(row));
            most = std::max(most, chart.shareOf(row));
            CHECK(chart.rect().contains(chart.placeOf(row).toPoint()));
        }
        CHECK(least == 0.0);
        CHECK(most == 1.0);
    }
    QTest::mouseClick(chart.viewport(), Qt::LeftButton, {}, chart.placeOf(2).toPoint());
    CHECK(page.table().selectionModel()->selectedRows().size() == 1);
    const int chosen = chart.chosenRow();
    CHECK(chosen >= 0);
    QTest::keyClick(&chart, Qt::Key_Home);
    for (int i = 0; i < page.candidates().rowCount(); ++i) QTest::keyClick(&chart, Qt::Key_Left);
    const int first = chart.chosenRow();
    QTest::keyClick(&chart, Qt::Key_Right);
    CHECK(chart.chosenRow() != first);
    CHECK_FALSE(chart.accessibleDescription().isEmpty());
}

TEST_CASE("AimBudgetAndPinsAreUndoneSavedAndRecoveredWithTheDocument") {
    Window window;
    window.main.session().document.replace(llama8b("h100-sxm5-80gb", 8), {});
    window.idle();
    auto& page = window.main.plansPage();
    auto& aim = window.find<QComboBox>("aim");
    window.main.pages().setCurrentWidget(&page);
    choose(aim, 2);
    page.pin(QStringLiteral("zero"), true);
    window.type("budget", "5000");
    const auto asked = window.main.session().document.question();
    CHECK(asked == SearchQuestion{.aim = Aim::memory, .budget = 5000.0, .pins = {"zero"}});
    CHECK(window.main.isWindowModified());
    const auto file = window.home.file("asked.json");
    REQUIRE(window.main.saveTo(file));
    CHECK_FALSE(window.main.isWindowModified());
    while (window.main.session().document.undoStack().canUndo()) window.main.undo();
    CHECK(window.main.session().document.question() == SearchQuestion{});
    CHECK(aim.currentIndex() == 0);
    CHECK(page.pinned().empty());
    window.main.openPath(file);
    CHECK(window.main.session().document.question() == asked);
    CHECK(aim.currentIndex() == 2);
}

TEST_CASE("ComparingSaysWhoseNumbersAreShownWhereAFrameworkIsToRunAPlan") {
    Window window;
    auto request = llama8b("h100-sxm5-80gb", 8);
    const auto& note = window.find<QLabel>("frameworks");
    const auto keep = [&] {
        window.main.session().document.replace(request, {});
        window.idle();
        window.main.comparePage().keepPresent();
    };
    keep();
    CHECK(note.isHidden());
    request.engine = "fsdp";
    keep();
    CHECK_FALSE(note.isHidden());
    CHECK(note.text().contains(QLatin1String("B: fsdp")));
    CHECK_FALSE(note.text().contains(QLatin1String("A:")));
}
