#include "planner/import/run_notes.h"

#include <fmt/format.h>

#include <array>
#include <optional>

#include "planner/base/json.h"
#include "planner/import/rope_scaling.h"
#include "planner/spec/model_limits.h"

namespace headroom {
namespace {

using Note = std::optional<std::string>;

Note positions(const ConfigKeys& keys, const ModelSpec& spec) {
    if (spec.rope_scaling.kind != RopeScalingKind::other) return std::nullopt;
    const auto rule = keys.find("rope_scaling");
    return fmt::format(
        "the rule {} of its positions is not known: a plan is the same without it, "
        "a run is refused",
        rule ? rope_type_of(*rule) : "of the windowed layers");
}

Note expert_groups(const ConfigKeys& keys, const ModelSpec& spec) {
    const bool v3 = spec.family == "deepseek_v3";
    if (!v3 && spec.family != "deepseek_v2") return std::nullopt;
    if (!v3) {
        const auto method = keys.find("topk_method");
        if (!method || method->string() != "group_limited_greedy") return std::nullopt;
    }
    const auto groups = keys.integer_or("n_group", v3 ? 8 : 1, 1, limits::kExperts);
    const auto chosen = keys.integer_or("topk_group", v3 ? 4 : 1, 1, limits::kExperts);
    if (chosen >= groups) return std::nullopt;
    return fmt::format(
        "its tokens choose experts of {} out of {} groups; a run lets them choose "
        "of all",
        chosen, groups);
}

Note expert_activation(const ConfigKeys& /*keys*/, const ModelSpec& spec) {
    if (spec.family != "gpt_oss") return std::nullopt;
    return "its experts clamp their activations, which are steeper than silu; a run computes "
           "silu(gate) * up";
}

Note router_jitter(const ConfigKeys& keys, const ModelSpec& spec) {
    if (!spec.moe) return std::nullopt;
    const double usual = spec.family == "switch_transformers" ? 0.01 : 0.0;
    const double jitter = keys.number_or("router_jitter_noise", usual, 0.0, limits::kScale);
    if (jitter == 0.0) return std::nullopt;
    return fmt::format("its router is trained with noise of {}; a run adds none", jitter);
}

Note score_by_layer(const ConfigKeys& keys, const ModelSpec& /*spec*/) {
    if (!keys.boolean_or("scale_attn_by_inverse_layer_idx", false)) return std::nullopt;
    return "its attention scores are divided by the number of the layer; a run does not";
}

Note scaled_alibi(const ConfigKeys& /*keys*/, const ModelSpec& spec) {
    if (spec.family != "falcon" || spec.position != PositionKind::alibi) return std::nullopt;
    return "its ALiBi slopes are divided by sqrt(head_dim); a run does not";
}

constexpr std::array kNotes{positions,     expert_groups,  expert_activation,
                            router_jitter, score_by_layer, scaled_alibi};

}  // namespace

std::vector<std::string> run_notes(const JsonCursor& config, const ModelSpec& spec) {
    std::vector<std::string> notes;
    const ConfigKeys keys(config);
    for (const auto each : kNotes) {
        if (const auto note = each(keys, spec)) notes.push_back(*note);
    }
    return notes;
}

}  // namespace headroom
