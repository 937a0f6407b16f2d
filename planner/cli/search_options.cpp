#include "planner/cli/search_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>

#include "planner/base/json.h"
#include "planner/cli/report_engine.h"
#include "planner/cli/verbs.h"
#include "planner/engine/abilities.h"
#include "planner/spec/knob.h"
#include "planner/spec/names.h"

namespace headroom::cli {
namespace {

constexpr std::int64_t kDefaultSequence = 4096;

/// "cheapest GPU" replaces the GPU; any profile serves as the first one.
std::string gpu_name(const PlanOptions& options, const Library& library) {
    if (!options.gpu.empty()) return options.gpu;
    if (!options.cheapest_gpu) throw UsageError("--gpu is required; headroom hardware lists them");
    return library.hardware.gpus().front().id;
}

Json hardware_document(const PlanOptions& options, const Library& library) {
    Json out{{"gpu", gpu_name(options, library)}, {"gpus", options.gpus}};
    if (!options.node.empty()) out["node"] = options.node;
    if (options.usd_per_gpu_hour) out["usd_per_gpu_hour"] = *options.usd_per_gpu_hour;
    return out;
}

/// The options as the request document they stand for, so that they are checked as one.
Json document(const PlanOptions& options, const Library& library) {
    Json train{{"tokens", options.tokens}};
    if (!options.goal.empty()) train["goal"] = options.goal;
    if (options.sequence) train["sequence"] = *options.sequence;
    Json techniques = Json::array();
    if (!options.teacher.empty()) {
        techniques.push_back({{"id", "distillation"}, {kTeacherKey, options.teacher}});
    }
    return {{"model", options.model},
            {"hardware", hardware_document(options, library)},
            {"train", train},
            {"techniques", techniques}};
}

/// Learned positions are a limit; rotary ones are none.
std::int64_t default_sequence(const ModelSpec& model, std::int64_t most) {
    const bool learned = model.position == PositionKind::learned && model.max_positions > 0;
    return learned ? std::min(most, model.max_positions) : most;
}
std::int64_t default_sequence(const PlanRequest& request) {
    const auto length = default_sequence(request.model, kDefaultSequence);
    const auto& teacher = request.distill.teacher;
    return teacher ? default_sequence(*teacher, length) : length;
}

/// A setting's value, and the words that asked for it.
struct Said {
    std::string words{};
    KnobValue value{};
};
using Sayings = std::map<std::string, Said, std::less<>>;  ///< by name of the knob

void say(Sayings& said, const std::string& name, const Said& now) {
    const Said& first = said.try_emplace(name, now).first->second;
    if (first.value == now.value) return;
    throw UsageError(fmt::format("{} contradicts {}", now.words, first.words));
}

/// The options that are settings as well.
Sayings said_by_options(const PlanOptions& options) {
    Sayings out;
    if (!options.goal.empty()) say(out, "goal", {"--goal " + options.goal, options.goal});
    if (const auto length = options.sequence) {
        say(out, "sequence", {fmt::format("--sequence {}", *length), *length});
    }
    if (options.tokens > 0.0) {
        say(out, "tokens",
            {fmt::format("--tokens {}", options.tokens),
             static_cast<std::int64_t>(options.tokens)});
    }
    return out;
}

/// Sets KNOB=VALUE; returns the knob's name.
std::string pin(PlanRequest& request, Sayings& said, const std::string& text) {
    const auto equals = text.find('=');
    if (equals == std::string::npos) {
        throw UsageError(fmt::format("--pin {}: must be KNOB=VALUE", text));
    }
    const auto& setting = knob(text.substr(0, equals), "--pin");
    const auto value = parse(setting, std::string_view(text).substr(equals + 1));
    say(said, std::string(setting.name), {"--pin " + text, value});
    setting.assign(request, value);
    return std::string(setting.name);
}

/// GPUs that no other degree takes are data parallel.
void fill_data(PlanRequest& request) {
    auto& layout = request.layout;
    const auto others = layout.tensor * layout.context * layout.pipeline;
    if (request.hardware.gpus % others != 0) {
        throw InputError("/layout", fmt::format("tensor {} x context {} x pipeline {} does not "
                                                "divide {} GPUs",
                                                layout.tensor, layout.context, layout.pipeline,
                                                request.hardware.gpus));
    }
    layout.data = request.hardware.gpus / others;
}

bool holds(const std::vector<std::string>& names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
}

/// What is not pinned: bf16 where the GPU multiplies it, else fp16 (Turing, Volta), else fp32;
/// gradients of the same dtype.
void choose_compute(PlanRequest& request, const std::vector<std::string>& pinned) {
    const auto& peak = request.hardware.profile.peak;
    for (const auto dtype : {DType::f32, DType::f16, DType::bf16}) {
        if (!holds(pinned, "compute") && peak.contains(dtype)) request.train.compute = dtype;
    }
    if (!holds(pinned, "gradient")) request.train.gradient = request.train.compute;
}

}  // namespace

SearchRequest search_request(const PlanOptions& options, const Library& library) {
    SearchRequest out{.aim = named<Aim>(options.aim).value_or(Aim::time),
                      .global_batch = options.global_batch};
    const Json asked = document(options, library);
    out.base = request_from_json({asked, ""}, library);
    if (!options.sequence) out.base.train.sequence = default_sequence(out.base);
    auto said = said_by_options(options);
    for (const auto& each : options.pins) out.pinned.push_back(pin(out.base, said, each));
    if (out.base.train.goal == Goal::adapt && said.contains("adapter") &&
        out.base.adapter.kind == AdapterKind::none) {
        throw UsageError("--pin adapter=none contradicts the goal adapt, which trains an adapter");
    }
    if (out.base.train.goal == Goal::adapt && out.base.prune.is_on()) {
        throw UsageError(
            "--pin prune contradicts the goal adapt, which leaves the model's matrices as they "
            "are");
    }
    if (!holds(out.pinned, "data")) fill_data(out.base);
    choose_compute(out.base, out.pinned);
    if (!options.engine.empty()) out.base.engine = options.engine;
    if (names_framework(out.base)) out.able = abilities_of(engine_of(out.base.engine));
    if (options.budget_usd) out.budget = Usd{*options.budget_usd};
    return out;
}

}  // namespace headroom::cli
