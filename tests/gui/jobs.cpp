#include <QSignalSpy>
#include <atomic>

#include "gui/jobs/latest_job.h"
#include "gui/jobs/planner.h"
#include "planner/base/error.h"
#include "planner/cli/report_engine.h"
#include "tests/gui/requests.h"

using namespace headroom;
using namespace headroom::test;
using namespace headroom::gui;

TEST_CASE("OnlyTheLastOfManyInputsIsTold") {
    application();
    std::vector<int> told;
    std::atomic<int> worked = 0;
    LatestJob<int, int> job(
        [&](const int& input, const std::stop_token&) {
            ++worked;
            QThread::msleep(20);
            return input * 10;
        },
        [&](Outcome<int> outcome) { told.push_back(std::get<int>(outcome)); });
    for (int i = 1; i <= 50; ++i) {
        job.start(i);
        if (i % 10 == 0) QTest::qWait(7);
    }
    REQUIRE(wait_for([&] { return !job.busy(); }));
    CHECK(told == std::vector<int>{500});
    CHECK(worked < 10);
}

TEST_CASE("ACancelledJobIsStoppedAndTellsNothing") {
    application();
    int told = 0;
    LatestJob<int, int> job(
        [](const int&, const std::stop_token& stop) {
            while (!stop.stop_requested()) QThread::msleep(1);
            return 1;
        },
        [&](const Outcome<int>&) { ++told; });
    job.start(1);
    QTest::qWait(10);
    job.cancel();
    REQUIRE(wait_for([&] { return !job.busy(); }, 2000));
    CHECK(told == 0);
    job.start(2);  // and its end waits for what runs
}

TEST_CASE("AJobThatThrowsTellsASentence") {
    application();
    QStringList told;
    LatestJob<int, int> job(
        [](const int& input, const std::stop_token&) -> int {
            if (input == 1) throw InputError("/layout/data", "is wrong");
            throw std::bad_alloc();
        },
        [&](const Outcome<int>& outcome) { told.append(std::get<Refusal>(outcome).sentence); });
    for (const int input : {1, 2}) {
        job.start(input);
        REQUIRE(wait_for([&] { return !job.busy(); }));
    }
    REQUIRE(told.size() == 2);
    CHECK(told[0] == QLatin1String("/layout/data: is wrong"));
    CHECK(told[1].contains(QLatin1String("memory")));
}

TEST_CASE("APlanThatIsNoLongerAskedForNeverLands") {
    application();
    Planner planner{cli::load_timing(HEADROOM_PROFILES)};
    std::vector<std::int64_t> landed;
    QObject::connect(&planner, &Planner::planChanged,
                     [&](const auto& plan) { landed.push_back(plan->request.train.sequence); });
    auto request = llama8b("h100-sxm5-80gb", 8);
    for (std::int64_t sequence = 1000; sequence < 1040; ++sequence) {
        request.train.sequence = sequence;
        planner.plan(request);
        CHECK_FALSE(planner.current());
    }
    REQUIRE(wait_for([&] { return planner.isIdle(); }));
    CHECK(landed == std::vector<std::int64_t>{1039});
    REQUIRE(planner.current());
    CHECK(planner.current()->request == request);

    planner.plan(request);
    planner.plan(empty_request());
    QTest::qWait(200);
    CHECK(landed.size() == 1);
    CHECK_FALSE(planner.current());
}

TEST_CASE("AnImpossibleRequestIsRefusedWithItsPlace") {
    application();
    Planner planner{cli::load_timing(HEADROOM_PROFILES)};
    QSignalSpy refused(&planner, &Planner::planRefused);
    auto request = llama8b("h100-sxm5-80gb", 8);
    request.layout.tensor = 3;
    planner.plan(request);
    REQUIRE(wait_for([&] { return planner.isIdle(); }));
    REQUIRE(refused.count() == 1);
    CHECK(refused.first().at(1).toString().startsWith(QLatin1String("/layout")));
}

TEST_CASE("ASearchThatIsCancelledTellsNothingAndClosingDuringOneLeavesNothingBehind") {
    application();
    auto request = llama8b("h100-sxm5-80gb", 256);
    {
        Planner planner{cli::load_timing(HEADROOM_PROFILES)};
        QSignalSpy ended(&planner, &Planner::searchEnded);
        planner.search({.base = request});
        QTest::qWait(5);
        planner.cancelSearch();
        REQUIRE(wait_for([&] { return !planner.isSearching(); }));
        CHECK(ended.count() == 0);
        planner.search({.base = request});
        QTest::qWait(5);
    }
    QTest::qWait(50);  // what a thread left behind would have told by now
    SUCCEED();
}
