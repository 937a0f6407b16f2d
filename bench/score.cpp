#include <benchmark/benchmark.h>

#include "planner/base/json.h"
#include "planner/score/score.h"

using namespace headroom;

namespace {

/// Everything `headroom score` does with the shipped measurements, on one core; the goal is 10 s.
void score_all_rows(benchmark::State& state) {
    const std::filesystem::path root = HEADROOM_PROFILES;
    Library library;
    library.profiles_root = root;
    library.hardware = HardwareCatalog::load(root);
    const Json document = read_json_file(root / "measured/measured.json");
    const auto rows = measured_rows(JsonCursor(document, ""), shipped_inputs(root));
    const Json timing = read_json_file(root / "engines/timing.json");
    const TimingProfile profile = timing_profile_from_json(JsonCursor(timing, ""));
    for (auto _ : state) {
        benchmark::DoNotOptimize(score(work_out(rows, library), profile));
    }
    state.counters["rows"] = static_cast<double>(rows.size());
}
BENCHMARK(score_all_rows)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
