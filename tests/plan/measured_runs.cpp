#include <filesystem>

#include "planner/base/json.h"
#include "planner/plan/findings.h"
#include "tests/spec/request_documents.h"
#include "tests/support/catch.h"

using namespace headroom;

namespace {

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
    REQUIRE(runs.size() >= 5);
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
