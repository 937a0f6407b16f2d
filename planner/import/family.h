#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "planner/import/config_keys.h"
#include "planner/spec/model_spec.h"

namespace headroom {

inline constexpr std::int64_t kRequired = -1;  ///< no class default: the key must be there
inline constexpr std::int64_t kDerived = 0;    ///< computed from other sizes when absent

/// What a family's config class assumes when a key is absent.
struct FamilyDefaults {
    std::int64_t vocab = kRequired;
    std::int64_t hidden = kRequired;
    std::int64_t width = kRequired;  ///< derived: four times hidden
    std::int64_t layers = kRequired;
    std::int64_t heads = kRequired;
    std::int64_t kv_heads = kDerived;  ///< derived: as many as heads
    std::int64_t head_dim = kDerived;  ///< derived: hidden / heads
    std::int64_t positions = kRequired;
    std::int64_t window = 0;
    std::int64_t experts = kRequired;
    std::int64_t top_k = kRequired;
    std::int64_t expert_width = kRequired;
    double eps = 1e-6;
    double theta = 10000.0;
    double dropout = 0.0;
    double aux_loss = 0.0;
    bool tied = false;
    bool bias = false;  ///< `attention_bias` when absent
    ActivationKind activation = ActivationKind::silu;
    RopeScaling rope{};  ///< where the config names no rule
};

/// One model_type: its defaults and the function that turns a config into a spec.
struct FamilyRow {
    std::string_view name;
    FamilyDefaults defaults;
    ModelSpec (*build)(const ConfigKeys& keys, const FamilyDefaults& defaults);
};

/// Rows by group; each group lives with its adapter.
std::span<const FamilyRow> llama_families();
std::span<const FamilyRow> gemma_families();
std::span<const FamilyRow> moe_families();
std::span<const FamilyRow> gpt_families();
std::span<const FamilyRow> deepseek_families();
std::span<const FamilyRow> bert_families();
std::span<const FamilyRow> t5_families();

/// The row of a model_type, if there is one.
const FamilyRow* find_family(std::string_view name);

/// Sizes, heads, feed-forward width, norm epsilon, positions: what all configs share. Throws when
/// the heads do not divide the width or the key/value heads do not divide the heads.
ModelSpec shared_fields(const ConfigKeys& keys, const FamilyDefaults& defaults);

/// A llama-shaped decoder: RMS norms, RoPE, gated feed-forward without biases.
ModelSpec gated_decoder(const ConfigKeys& keys, const FamilyDefaults& defaults);

/// The activation a config names; throws with the known names for any other.
ActivationKind activation_of(const ConfigKeys& keys, ActivationKind fallback);

/// `sliding_window`: absent is the class default, null is none.
std::int64_t window_of(const ConfigKeys& keys, std::int64_t fallback);

/// Gives the layers for which `slides(i)` holds the window; `layer_types` in the config overrules.
template <class Slides>
void set_windows(ModelSpec& spec, const ConfigKeys& keys, std::int64_t window, Slides slides);

/// One flag a layer from `layer_types` ("sliding_attention" is true), or nothing when absent.
std::optional<std::vector<bool>> layer_types(const ConfigKeys& keys, std::int64_t layers);

/// Experts, top-k and expert width by their usual keys; throws when top-k exceeds the experts.
MoeSpec expert_fields(const ConfigKeys& keys, const FamilyDefaults& defaults);

template <class Slides>
void set_windows(ModelSpec& spec, const ConfigKeys& keys, std::int64_t window, Slides slides) {
    if (window == 0) return;
    std::vector<bool> flags;
    if (auto types = layer_types(keys, spec.layers)) {
        flags = std::move(*types);
    } else {
        for (std::int64_t i = 0; i < spec.layers; ++i) flags.push_back(slides(i));
    }
    bool any = false;
    for (const bool flag : flags) any = any || flag;
    if (!any) return;
    spec.attention.window = window;
    spec.windowed = std::move(flags);
}

}  // namespace headroom
