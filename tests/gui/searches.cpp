#include <QLineEdit>
#include <algorithm>

#include "planner/cli/engine_choice.h"
#include "planner/cli/report_engine.h"
#include "tests/gui/requests.h"

using namespace headroom;
using namespace headroom::test;
using namespace headroom::gui;

namespace {

/// The page of plans after a search around a request.
PlansPage& searched(Window& window, const PlanRequest& request) {
    window.main.session().document.replace(request, {});
    window.idle();
    window.main.searchPlans();
    window.idle();
    REQUIRE(window.main.plansPage().candidates().rowCount() > 0);
    return window.main.plansPage();
}

const CandidateRow& best_of(const PlansPage& page) {
    const auto& rows = page.candidates().rows();
    const auto best = std::ranges::find_if(rows, &CandidateRow::best);
    REQUIRE(best != rows.end());
    return *best;
}

}  // namespace

TEST_CASE("TheBestPlanForAFrameworkIsTheOneThatTheProgramChooses") {
    auto request = llama8b("h100-sxm5-80gb", 8);
    request.engine = "deepspeed";
    const auto asked = search_request({.request = request});
    const auto timing = cli::load_timing(HEADROOM_PROFILES);
    const auto choice = cli::choose_for_engine(asked, search(asked), timing);
    Window window;
    auto& page = searched(window, request);
    const auto& best = best_of(page).candidate;
    CHECK(best.request == choice.plan.request);
    CHECK(best.memory == choice.forecast.memory.process);
    CHECK(best.step == choice.forecast.step);
    for (const auto& row : page.candidates().rows()) {
        const auto expected = forecast(row.candidate.request, timing);
        CHECK(row.candidate.fits);
        CHECK(row.candidate.memory == expected.memory.process);
        CHECK(row.candidate.step == expected.step);
        CHECK(row.candidate.safe == expected.odds.fits);
    }
    CHECK(page.status().contains(QLatin1String("forecast for deepspeed")));
    page.adoptSelected();
    CHECK(window.main.session().document.request() == choice.plan.request);
}

TEST_CASE("TheBestPlanIsSelectedWhereverItIsOnTheFront") {
    Window window;
    window.main.session().document.replace({llama8b("h100-sxm5-80gb", 8), {.aim = Aim::memory}},
                                           {});
    window.main.searchPlans();
    window.idle();
    auto& page = window.main.plansPage();
    const auto& rows = page.candidates().rows();
    REQUIRE(rows.size() > 1);
    REQUIRE_FALSE(rows.front().best);
    CHECK(rows[static_cast<std::size_t>(page.chart().chosenRow())].best);
    page.adoptSelected();
    CHECK(window.main.session().document.request() == best_of(page).candidate.request);
}

TEST_CASE("TheFilterFindsEverySettingAndEveryCell") {
    Window window;
    auto request = llama8b("h100-sxm5-80gb", 8);
    request.layout.zero = 3;
    window.main.session().document.replace({request, {.pins = {"zero"}}}, {});
    window.main.searchPlans();
    window.idle();
    auto& page = window.main.plansPage();
    const int all = page.candidates().rowCount();
    REQUIRE(all > 0);
    auto& filter = window.find<QLineEdit>("filter");
    const auto found = [&](const char* typed) {
        filter.setText(QString::fromUtf8(typed));
        return page.table().model()->rowCount();
    };
    CHECK(found("zero=3") == all);  // no plan has it differently from the best
    CHECK(found("zero=2") == 0);
    CHECK(found("the best") == 1);
    CHECK(found("") == all);

    auto model = candidate_model();
    request.recompute.mode = RecomputeMode::selective;
    auto other = request;
    other.recompute.mode = RecomputeMode::layer;
    SearchResult result{.front = {{.request = other}, {.request = request}}};
    model.setRows(candidate_rows(result));
    CHECK(model.index(1, 0).data(kWordsRole).toString().contains(u"norm,activation"));
}

TEST_CASE("ASearchThatFoundNothingSaysWhatItKnows") {
    Window window;
    auto& planner = window.main.session().planner;
    auto& page = window.main.plansPage();
    planner.searchEnded(std::make_shared<const SearchResult>());
    CHECK(page.status().startsWith(QLatin1String("Nothing fits. 0 configurations")));
    SearchResult result;
    result.nearest = "it needs more";
    planner.searchEnded(std::make_shared<const SearchResult>(result));
    CHECK(page.status().contains(QLatin1String("Closest: it needs more. 0 configurations")));
}

TEST_CASE("PlansOfAnotherModelGpuOrFrameworkAreTakenAway") {
    Window window;
    const auto request = llama8b("h100-sxm5-80gb", 8);
    auto& document = window.main.session().document;
    auto& page = searched(window, request);
    auto edited = request;
    edited.layout.zero = 2;  // what a search chooses itself
    document.edit(edited, {});
    CHECK(page.candidates().rowCount() > 0);
    edited.engine = "fsdp";
    document.edit(edited, {});
    CHECK(page.candidates().rowCount() == 0);
    CHECK(page.status().startsWith(QLatin1String("Search looks")));
    page.adoptSelected();
    CHECK(document.request() == edited);
    searched(window, request);
    document.edit(with_gpus(request, 16), {});
    CHECK(page.candidates().rowCount() == 0);
    // Nor do those of a search that still runs land.
    window.main.searchPlans();
    document.replace(llama8b("h200-sxm-141gb", 8), {});
    window.idle();
    CHECK(page.candidates().rowCount() == 0);
}

TEST_CASE("TheTabKeyGoesThroughThePageOfPlansFromTopToBottom") {
    Window window;
    searched(window, llama8b("h100-sxm5-80gb", 8));
    window.find<QPushButton>("search").setFocus();
    QStringList names;
    for (int i = 0; i < 8; ++i) {
        names.append(QApplication::focusWidget()->accessibleName());
        QTest::keyClick(QApplication::focusWidget(), Qt::Key_Tab);
    }
    const auto place = [&](const char* name) { return names.indexOf(QString::fromUtf8(name)); };
    REQUIRE(place("Axes of the chart") > 0);
    CHECK(place("Filter") > place("Axes of the chart"));
    CHECK(place("Plans by memory, time and price") > place("Filter"));
    CHECK(place("Plans") > place("Plans by memory, time and price"));
}
