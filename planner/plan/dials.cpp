#include <algorithm>
#include <array>
#include <optional>

#include "planner/base/error.h"
#include "planner/plan/estimate.h"
#include "planner/plan/explain.h"
#include "planner/spec/knob.h"

namespace headroom {
namespace {

/// Settings that say what to train, not how.
constexpr std::array<std::string_view, 2> kFixed{"goal", "tokens"};
/// Counts that move by one; other counts double and halve.
constexpr std::array<std::string_view, 2> kByOne{"zero", "prefetch"};
/// Degrees that take GPUs from data parallelism.
constexpr std::array<std::string_view, 3> kSplits{"tensor", "context", "pipeline"};

bool is_one_of(std::span<const std::string_view> names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
}

std::vector<KnobValue> counts_beside(const Knob& knob, std::int64_t value) {
    const bool by_one = is_one_of(kByOne, knob.name) || value == 0;
    std::vector<std::int64_t> wanted{by_one ? value - 1 : value / 2,
                                     by_one ? value + 1 : value * 2};
    std::vector<KnobValue> out;
    for (const auto each : wanted) {
        const auto real = static_cast<double>(each);
        if (each != value && real >= knob.low && real <= knob.high) out.emplace_back(each);
    }
    return out;
}

std::vector<KnobValue> choices_beside(const Knob& knob, const std::string& value) {
    const auto at = std::ranges::find(knob.choices, value);
    std::vector<KnobValue> out;
    if (at == knob.choices.end()) return out;
    if (at != knob.choices.begin()) out.emplace_back(std::string(*(at - 1)));
    if (at + 1 != knob.choices.end()) out.emplace_back(std::string(*(at + 1)));
    return out;
}

/// One step down and one up; numbers and lists have no natural step.
std::vector<KnobValue> values_beside(const Knob& knob, const PlanRequest& request) {
    const KnobValue value = knob.get(request);
    if (const auto* truth = std::get_if<bool>(&value)) return {!*truth};
    if (const auto* count = std::get_if<std::int64_t>(&value)) return counts_beside(knob, *count);
    if (const auto* word = std::get_if<std::string>(&value)) return choices_beside(knob, *word);
    return {};
}

/// More or fewer data ranks are more or fewer GPUs; the other degrees share the ones there are.
bool keep_world(PlanRequest& request, std::string_view knob) {
    auto& layout = request.layout;
    if (knob == "data") request.hardware.gpus = layout.world();
    if (!is_one_of(kSplits, knob)) return true;
    const auto others = layout.tensor * layout.context * layout.pipeline;
    if (request.hardware.gpus % others != 0) return false;
    layout.data = request.hardware.gpus / others;
    return true;
}

std::int64_t batch(const PlanRequest& request) {
    return request.train.micro_batch * request.train.accumulation * request.layout.data;
}

/// The same sequences a step where accumulation can make up for it.
void keep_batch(PlanRequest& request, std::int64_t wanted) {
    const auto at_once = request.train.micro_batch * request.layout.data;
    request.train.accumulation = std::max<std::int64_t>(wanted / at_once, 1);
}

double tokens_per_second(const PlanRequest& request, Seconds step) {
    return static_cast<double>(batch(request) * request.train.sequence) / step.count();
}

std::optional<PlanRequest> moved(const PlanRequest& request, const Knob& knob,
                                 const KnobValue& value) {
    PlanRequest out = request;
    knob.assign(out, value);
    if (!keep_world(out, knob.name)) return std::nullopt;
    if (knob.name != "accumulation") keep_batch(out, batch(request));
    try {
        validate(out);
    } catch (const InputError&) {
        return std::nullopt;
    }
    return out;
}

bool has_dial(const Knob& knob, const PlanRequest& request) {
    const bool idle_adapter = knob.group() == kAdapterGroup && knob.name != "adapter" &&
                              request.adapter.kind == AdapterKind::none;
    return !idle_adapter && !is_one_of(kFixed, knob.name);
}

std::optional<Dial> dial(const PlanRequest& request, const Estimate& now, const Knob& knob,
                         const KnobValue& value) {
    const auto asked = moved(request, knob, value);
    if (!asked) return std::nullopt;
    Estimate then;
    try {
        then = estimate(*asked);
    } catch (const InputError&) {
        return std::nullopt;  // no time model for it: a GPU without that dtype, no drives
    }
    const bool idle = then.device == now.device && then.step == now.step;
    if (idle) return std::nullopt;
    const bool gpus = asked->hardware.gpus != request.hardware.gpus;
    const auto shown = [&](const PlanRequest& of) {
        return gpus ? to_string(KnobValue{of.hardware.gpus}) : to_string(knob.get(of));
    };
    return Dial{
        .knob = gpus ? "gpus" : std::string(knob.name),
        .from = shown(request),
        .to = shown(*asked),
        .memory = then.device,
        .step = then.step,
        .memory_change = then.device - now.device,
        .step_change = then.step - now.step,
        .speed = tokens_per_second(*asked, then.step) / tokens_per_second(request, now.step),
        .fits = then.fits};
}

}  // namespace

std::vector<Dial> dials(const PlanRequest& request) {
    const Estimate now = estimate(request);
    std::vector<Dial> out;
    for (const auto& knob : knobs()) {
        if (!has_dial(knob, request)) continue;
        for (const auto& value : values_beside(knob, request)) {
            if (auto found = dial(request, now, knob, value)) out.push_back(std::move(*found));
        }
    }
    std::ranges::stable_sort(out, {}, &Dial::memory_change);
    return out;
}

}  // namespace headroom
