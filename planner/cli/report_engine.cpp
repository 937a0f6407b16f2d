#include "planner/cli/report_engine.h"

#include <fmt/format.h>

#include <array>

#include "planner/base/json.h"
#include "planner/cli/table.h"

namespace headroom::cli {
namespace {

constexpr std::string_view kTiming = "engines/timing.json";
constexpr std::string_view kOwnRuntime = "headroom";
/// By Chances.
constexpr std::array<std::string_view, 4> kVerdicts{"fits", "may fit", "is unlikely to fit",
                                                    "does not fit"};

Bytes scaled(Bytes bytes, double factor) {
    return Bytes{static_cast<std::int64_t>(bytes.real() * factor)};
}

std::string band_note(const BandFactors& band) {
    if (band.rows == 0) return "no measurement of this kind is known: a wide band";
    return fmt::format("nine in ten of {} measurements", band.rows);
}

std::string memory_table(const EngineForecast& forecast) {
    const auto& memory = forecast.memory;
    const auto& odds = forecast.odds;
    const auto tools = memory_tools(*forecast.engine);
    Table table({Align::left, Align::right, Align::left});
    table.add({"", "GiB", ""});
    table.add({"states", gib(memory.states), "weights, gradients, master weights, moments"});
    table.add({"buffers", gib(memory.buffers), "of the framework, and gathered weights"});
    table.add({"the step's own", gib(memory.transient),
               "activations, their gradients and scratch, or the update's copies, most at once"});
    table.add({"allocated", gib(memory.allocated), std::string(tools.allocated)});
    table.add({"reserved", gib(memory.reserved), std::string(tools.reserved)});
    table.add({"process", gib(memory.process),
               fmt::format("nvidia-smi; {} to {}: {}", gib(scaled(memory.process, odds.band.low)),
                           gib(scaled(memory.process, odds.band.high)), band_note(odds.band))});
    table.add({"of", gib(forecast.capacity),
               fmt::format("{} likely to run out of memory", percent(odds.out_of_memory))});
    return table.text();
}

std::string time_source(const EngineForecast& forecast) {
    return fmt::format(
        "{} and {}",
        forecast.gpu_numbers.empty()
            ? "efficiencies of no measured GPU of this kind"
            : fmt::format("efficiencies fitted on {}", forecast.gpu_numbers),
        forecast.framework_fitted ? "the framework's own runs" : "no run of this framework");
}

std::string time_table(const Plan& plan, const EngineForecast& forecast) {
    const auto& cost = plan.predicted.cost;
    // The same tokens and the same mathematics, in another time.
    const double faster = cost.step / forecast.step;
    Table table({Align::left, Align::right, Align::left});
    table.add({"step", to_string(forecast.step),
               fmt::format("{} to {}: {}", to_string(forecast.step * forecast.step_band.low),
                           to_string(forecast.step * forecast.step_band.high),
                           band_note(forecast.step_band))});
    table.add({"", "", time_source(forecast)});
    table.add({"tokens a second", rounded(cost.tokens_per_second * faster), "of all GPUs"});
    table.add({"MFU", percent(cost.mfu * faster), "of the dense peak, without recomputation"});
    if (cost.steps > 0) {
        table.add({"the run", to_string(cost.step / faster * static_cast<double>(cost.steps)),
                   fmt::format("{} GPU-hours", rounded(cost.gpu_hours / faster))});
        if (cost.price.per_gpu_hour > Usd{}) {
            table.add({"", to_string(cost.usd * (1.0 / faster)), ""});
        }
    }
    return table.text();
}

}  // namespace

TimingProfile load_timing(const std::filesystem::path& profiles_root) {
    const Json timing = read_json_file(profiles_root / kTiming);
    return timing_profile_from_json(JsonCursor(timing, std::string(kTiming)));
}

bool names_framework(const PlanRequest& request) { return request.engine != kOwnRuntime; }

std::string engine_sentence(const EngineForecast& forecast) {
    const auto verdict = kVerdicts[static_cast<std::size_t>(chances(forecast))];
    return fmt::format("with {} ({}) {}: {} of {} GiB a GPU, {} likely to run out of memory",
                       forecast.engine->id, forecast.engine->version, verdict,
                       gib(forecast.memory.process), gib(forecast.capacity),
                       percent(forecast.odds.out_of_memory));
}

std::string engine_text(const Plan& plan, const EngineForecast& forecast, const Style& style) {
    auto line = engine_sentence(forecast);
    line.front() = 'W';
    const auto how = chances(forecast);
    line = how == Chances::fits    ? style.good(line)
           : how == Chances::tight ? style.warning(line)
                                   : style.bad(line);
    return fmt::format("{}\n  {}\n\n{} (as its tools show it)\n{}\n{}\n{}", line,
                       forecast.engine->describes, style.heading("Memory"), memory_table(forecast),
                       style.heading("Time"), time_table(plan, forecast));
}

}  // namespace headroom::cli
