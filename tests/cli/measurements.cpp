#include <filesystem>
#include <string>

#include "planner/base/json.h"
#include "tests/cli/program.h"
#include "tests/support/catch.h"

using namespace headroom;
using headroom::test::Folder;
using headroom::test::run_headroom;

TEST_CASE("AMeasurementIsNoPlan") {
    const Folder folder;
    const auto plan = folder.add("a.json", Json{{"model", "openai-community/gpt2"},
                                                {"hardware", {{"gpu", "h100"}}},
                                                {"train", {{"sequence", 512}}}});
    const auto measured =
        folder.add("m.json", {{"kind", "headroom-measurement"}, {"algorithms", Json::array()}});
    for (const auto& words :
         {"predict " + measured, "explain " + measured, "compare " + measured + " " + plan,
          "calibrate " + measured + " " + plan}) {
        const auto run = run_headroom(words);
        INFO(words << ": " << run.error);
        CHECK(run.exit == 4);
        CHECK(contains(run.error, "is a measurement, not a plan"));
    }
    const auto swapped = run_headroom("calibrate " + plan + " " + plan);
    CHECK(swapped.exit == 4);
    CHECK(contains(swapped.error, "is no measurement"));
}

TEST_CASE("CalibrationShowsWhatARunMeasuredAndNothingElse") {
    const std::filesystem::path runs = std::filesystem::path(HEADROOM_PROFILES) / "measured/runs";
    const auto words = [&](const std::string& run, const std::string& measurement) {
        return "calibrate --no-color " + (runs / (run + ".plan.json")).string() + " " + measurement;
    };
    const std::string name = "cpu-fp32";
    const auto measurement = runs / (name + ".measurement.json");
    const auto run = run_headroom(words(name, measurement.string()));
    INFO(run.error);
    REQUIRE(run.exit == 0);
    const auto row = [&](const std::string& key) {
        const auto at = run.out.find("\n  " + key + " ");
        REQUIRE(at != std::string::npos);
        return run.out.substr(at + 1, run.out.find('\n', at + 1) - at - 1);
    };
    CHECK(row("attention_fraction").ends_with(" -"));
    CHECK(row("attention_backward_fraction").ends_with(" -"));
    CHECK_FALSE(row("gemm_fraction").ends_with(" -"));

    const Folder folder;
    Json fast = read_json_file(measurement);
    for (auto& op : fast["ops"]) {
        if (op["op"] == "update") op["seconds"] = 1e-9;
    }
    const auto held = run_headroom(words(name, folder.add("fast.json", fast)));
    CHECK(held.exit == 0);
    CHECK(contains(held.error, "memory_fraction was measured as "));
    CHECK(contains(held.error, "the profile holds its limit 1"));
}
