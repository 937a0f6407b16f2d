#include "planner/engine/forecast.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "planner/base/json.h"
#include "planner/engine/saved_values.h"
#include "planner/spec/knob.h"

namespace headroom {
namespace {

/// Part of a log-normal of that band (nine tenths inside) that lies above the capacity.
double probability_above(double predicted, const BandFactors& band, double capacity) {
    constexpr double kNineTenths = 1.645;
    const double middle = std::log(predicted) + 0.5 * (std::log(band.low) + std::log(band.high));
    const double sigma = 0.5 * (std::log(band.high) - std::log(band.low)) / kNineTenths;
    const double away = (std::log(capacity) - middle) / std::max(sigma, 1e-6);
    return 0.5 * std::erfc(away / std::sqrt(2.0));
}

/// What the request says of dtypes, in the words of engines. Without an fp32 master, PyTorch's
/// optimizers keep moments in the dtype of the weights.
EngineSettings settings_of(const PlanRequest& request, const Engine& engine) {
    const TrainSpec& train = request.train;
    if (request.qat.is_on()) {
        throw InputError("/techniques/qat",
                         "is on: what a framework keeps of rounded weights no engine models");
    }
    if (request.prune.is_on()) {
        throw InputError("/techniques/pruning",
                         "is on: what a framework keeps of pruned weights no engine models");
    }
    if (request.distill.is_on()) {
        throw InputError(std::string(kDistillationGroup),
                         "is on: what a framework keeps beside a teacher no engine models");
    }
    EngineSettings settings{.stages = engine.stages, .master_bytes = train.master ? 4.0 : 0.0};
    const double full = train.master ? 8.0 : engine.states.moments;
    switch (train.optimizer) {
        case OptimizerKind::adamw:
            settings.moment_bytes = full;
            break;
        case OptimizerKind::sgd:
        case OptimizerKind::lion:
            settings.moment_bytes = full / 2.0;
            break;
        case OptimizerKind::adamw8bit:
            settings.moment_bytes = 2.0;
            break;
        case OptimizerKind::adafactor:
            throw InputError("/train/optimizer",
                             "is adafactor, whose states no framework engine models");
    }
    if (engine.decomposition.attention.packed_view) settings.adapter = AdapterForm::merged;
    // Where the shard that stays is the fp32 master, its gradient has the same dtype.
    if (!engine.states.weight_sharded_as_master) {
        settings.gradient_bytes = static_cast<double>(bytes_of(1, train.gradient));
    }
    return settings;
}

/// The name of a GPU among those that have fitted numbers; chips of one kind share theirs, and
/// others of a family take its own.
std::string fitted_name(const HardwareProfile& gpu, const TimingProfile& profile) {
    std::vector<std::string> names{gpu.id, gpu.chip};
    names.insert(names.end(), gpu.aliases.begin(), gpu.aliases.end());
    names.emplace_back(gpu_family(gpu.chip));
    const auto found =
        std::ranges::find_if(names, [&](const auto& name) { return profile.gpus.contains(name); });
    return found == names.end() ? std::string() : *found;
}

Json band_json(double expected, const BandFactors& band) {
    return {{"low", expected * band.low},
            {"expected", expected},
            {"high", expected * band.high},
            {"rows", band.rows}};
}

}  // namespace

CapacityOdds capacity_odds(Bytes process, Bytes capacity, std::string_view framework,
                           const TimingProfile& profile) {
    const BandFactors band =
        profile.band({fmt::format("memory process {}", framework), "memory process", "memory"});
    return {.band = band,
            .out_of_memory = probability_above(process.real(), band, capacity.real()),
            .fits = process.real() * band.high <= capacity.real()};
}

LossKind loss_of(const Engine& engine, const EngineSettings& settings, const PlanRequest& request) {
    return loss_rules(loss_style(engine, settings, request)).kind;
}

const Engine& engine_of(std::string_view name) {
    for (const auto& engine : engines()) {
        if (name == engine.id || name == full_name(engine)) {
            return engine;
        }
    }
    return engine_named(name);  // which throws
}

EngineForecast forecast(const PlanRequest& asked, const TimingProfile& profile) {
    const Engine& engine = engine_of(asked.engine);
    const EngineSettings settings = settings_of(asked, engine);
    PlanRequest request = asked;
    request.train.loss = loss_of(engine, settings, request);
    validate(request);
    EngineForecast out{.engine = &engine};
    const auto& gpu = request.hardware.profile;
    out.memory = engine_memory(request, engine, settings, Replay::allocator);
    out.capacity = gpu.memory_capacity;
    out.odds = capacity_odds(out.memory.process, out.capacity, engine.framework, profile);
    out.gpu_numbers = fitted_name(gpu, profile);
    const std::string framework(engine.framework);
    out.framework_fitted = profile.frameworks.contains(framework);
    out.step = Seconds{step_seconds(timed_step(request, engine, settings),
                                    profile.gpu(out.gpu_numbers), profile.framework(framework))};
    out.step_band = profile.band({fmt::format("time {}", framework), "time"});
    return out;
}

Chances chances(const EngineForecast& forecast) {
    if (forecast.odds.fits) return Chances::fits;
    if (forecast.memory.process > forecast.capacity) return Chances::too_large;
    return forecast.odds.out_of_memory < 0.5 ? Chances::tight : Chances::unlikely;
}

MemoryTools memory_tools(const Engine& engine) {
    const bool torch = engine.launch == Launch::eager || engine.launch == Launch::compiled;
    if (torch) return {"torch.cuda.max_memory_allocated", "torch.cuda.max_memory_reserved"};
    return {"its buffers, allocated once", "the same: no allocator keeps more"};
}

Json to_json(const EngineForecast& forecast) {
    const auto& memory = forecast.memory;
    const auto gib = [](Bytes bytes) { return in_gib(bytes); };
    return {{"id", forecast.engine->id},
            {"version", forecast.engine->version},
            {"memory_gib",
             {{"states", gib(memory.states)},
              {"buffers", gib(memory.buffers)},
              {"transient", gib(memory.transient)},
              {"allocated", gib(memory.allocated)},
              {"reserved", gib(memory.reserved)},
              {"process", band_json(gib(memory.process), forecast.odds.band)},
              {"capacity", gib(forecast.capacity)}}},
            {"fits", forecast.odds.fits},
            {"out_of_memory_probability", forecast.odds.out_of_memory},
            {"step_s", band_json(forecast.step.count(), forecast.step_band)},
            {"time_fitted_on",
             {{"gpu", forecast.gpu_numbers.empty() ? Json() : Json(forecast.gpu_numbers)},
              {"framework", forecast.framework_fitted}}}};
}

}  // namespace headroom
