#include <cmath>
#include <filesystem>
#include <limits>

#include "planner/base/json.h"
#include "planner/plan/calibration.h"
#include "planner/plan/findings.h"
#include "tests/spec/request_documents.h"
#include "tests/support/catch.h"

using namespace headroom;

namespace {

/// What the H200's profile was calibrated on.
constexpr std::string_view kCalibrated = "h200-llama-1b-full";

struct MeasuredRun {
    std::string name;
    Plan plan;
    Measurement measurement;
};

/// Runs that were measured when they were committed: what was planned then is planned again now.
std::vector<MeasuredRun> measured_runs() {
    const std::filesystem::path folder = std::filesystem::path(HEADROOM_PROFILES) / "measured/runs";
    constexpr std::string_view kEnd = ".measurement.json";
    std::vector<MeasuredRun> runs;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        std::string name = entry.path().filename().string();
        if (!name.ends_with(kEnd)) continue;
        name.resize(name.size() - kEnd.size());
        const Json plan = read_json_file(folder / (name + ".plan.json"));
        const Json measurement = read_json_file(entry.path());
        runs.push_back({.name = name,
                        .plan = predict(read_request(plan.at("request"))),
                        .measurement = measurement_from_json({measurement, ""})});
    }
    return runs;
}

}  // namespace

TEST_CASE("TodaysPredictionAgreesWithEveryMeasuredRun") {
    const auto runs = measured_runs();
    REQUIRE(runs.size() >= 15);
    for (const auto& run : runs) {
        INFO(run.name << ": when the step itself changed, measure it again (docs/performance.md)");
        for (const auto& row : findings(run.plan, run.measurement)) {
            INFO(row.group << ", " << row.part << ": predicted " << row.predicted << ", measured "
                           << row.measured);
            if (row.group == "time") continue;  // of one machine on one day
            CHECK(row.agreement != Agreement::outside);
        }
    }
}

TEST_CASE("AProfileCalibratedOnOneRunPredictsTheStepsOfTheOthers") {
    // The H200's profile was calibrated on the 1B step; the goal is 10 %. f32 attention has no
    // kernel of tensor cores yet and is not held to it.
    const auto runs = measured_runs();
    int held = 0;
    for (const auto& run : runs) {
        const bool gpu = run.measurement.backend == "cuda" && run.measurement.ranks == 1;
        if (!gpu || run.plan.request.train.compute == DType::f32) continue;
        if (run.name == kCalibrated) continue;
        INFO(run.name);
        const double measured = run.measurement.step.count();
        CHECK(std::abs(run.plan.predicted.cost.step.count() - measured) <= 0.10 * measured);
        ++held;
    }
    CHECK(held == 6);
}

TEST_CASE("ARankThatThePlanHasNotIsRefusedAtItsPointer") {
    const auto refusal = [](const auto& made) {
        try {
            static_cast<void>(made());
        } catch (const InputError& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    for (const auto& run : measured_runs()) {
        if (run.name != kCalibrated) continue;
        Measurement other = run.measurement;
        other.rank = 100;
        const std::string sentence = "/rank: is 100, must be an integer from 0 to 0";
        CHECK(refusal([&] { return findings(run.plan, other); }) == sentence);
        CHECK(refusal([&] { return calibrated(run.plan, other); }) == sentence);
        other.rank = std::numeric_limits<std::int64_t>::max();
        CHECK(refusal([&] { return findings(run.plan, other); }).starts_with("/rank: "));
        other.ranks = 8;
        CHECK(refusal([&] { return findings(run.plan, other); }) == "/ranks: is 8, the plan has 1");
    }
}

TEST_CASE("CalibratingTwiceChangesNothing") {
    int found = 0;
    for (const auto& run : measured_runs()) {
        if (run.name != kCalibrated) continue;
        ++found;
        Plan plan = run.plan;
        plan.request.hardware.profile.gemm_fraction = 0.5;
        plan.request.hardware.profile.own_context = {};
        const HardwareProfile once = calibrated(plan, run.measurement);
        CHECK(once.own_context == mebibytes(338));
        CHECK(once.attention_backward_fraction < once.attention_fraction);
        plan.request.hardware.profile = once;
        const HardwareProfile twice = calibrated(plan, run.measurement);
        // Launches, which no rate shortens, are in both times.
        CHECK(std::abs(twice.gemm_fraction / once.gemm_fraction - 1.0) < 0.02);
        CHECK(std::abs(twice.attention_fraction / once.attention_fraction - 1.0) < 0.02);
        CHECK(twice.own_context == once.own_context);
    }
    CHECK(found == 1);
}
