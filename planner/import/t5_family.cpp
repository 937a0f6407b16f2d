#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "planner/base/json.h"
#include "planner/import/family.h"
#include "planner/spec/model_limits.h"

namespace headroom {
namespace {

struct FeedForwardForm {
    std::string_view name;
    bool gated;
    ActivationKind activation;
};

constexpr std::array kForms{
    FeedForwardForm{"relu", false, ActivationKind::relu},
    FeedForwardForm{"gelu", false, ActivationKind::gelu},
    FeedForwardForm{"gelu_new", false, ActivationKind::gelu_tanh},
    FeedForwardForm{"silu", false, ActivationKind::silu},
    FeedForwardForm{"gated-gelu", true, ActivationKind::gelu_tanh},
    FeedForwardForm{"gated-silu", true, ActivationKind::silu},
    FeedForwardForm{"gated-relu", true, ActivationKind::relu},
};

void read_feed_forward(ModelSpec& spec, const ConfigKeys& keys) {
    const auto found = keys.find("feed_forward_proj");
    if (!found) return;
    std::string known;
    for (const auto& form : kForms) {
        if (found->string() == form.name) {
            spec.ffn.gated = form.gated;
            spec.ffn.activation = form.activation;
            return;
        }
        known += fmt::format("{}{}", known.empty() ? "" : ", ", form.name);
    }
    found->fail(fmt::format("is {}, must be one of {}", quoted(found->value()), known));
}

/// `num_layers` counts the encoder's layers; the decoder has as many unless it says otherwise.
ModelSpec t5(const ConfigKeys& keys, const FamilyDefaults& defaults) {
    auto spec = shared_fields(keys, defaults);
    spec.stack = Stack::encoder_decoder;
    spec.encoder_layers = spec.layers;
    spec.layers = keys.integer_or("num_decoder_layers", spec.encoder_layers, 1, limits::kLayers);
    spec.position = PositionKind::relative_bias;
    spec.relative_buckets =
        keys.integer_or("relative_attention_num_buckets", 32, 1, limits::kHeads);
    // The scores are not scaled: the initial weights are.
    spec.attention.scale = 1.0;
    read_feed_forward(spec, keys);
    if (spec.tied_embeddings) {
        spec.logit_scale = 1.0 / std::sqrt(static_cast<double>(spec.hidden));
    }
    return spec;
}

/// Layers 1, 1 + step, … with step = layers / sparse; all of them when the step is one.
std::vector<bool> sparse_layers(const ConfigKeys& keys, std::string_view key, std::int64_t layers) {
    const auto sparse = keys.integer_or(key, 3, 0, layers);
    std::vector<bool> flags(static_cast<std::size_t>(layers), false);
    if (sparse == 0) return flags;
    const auto step = layers / sparse;
    for (std::int64_t i = 0; i < layers; ++i) {
        flags[static_cast<std::size_t>(i)] = step == 1 || i % step == 1;
    }
    return flags;
}

ModelSpec switch_transformers(const ConfigKeys& keys, const FamilyDefaults& defaults) {
    auto spec = t5(keys, defaults);
    auto derived = defaults;
    derived.expert_width = spec.ffn.width;
    spec.moe = expert_fields(keys, derived);
    spec.moe->normalize = false;
    spec.moe->router_bias = keys.boolean_or("router_bias", false);
    spec.moe_layers = sparse_layers(keys, "num_sparse_decoder_layers", spec.layers);
    spec.encoder_moe_layers = sparse_layers(keys, "num_sparse_encoder_layers", spec.encoder_layers);
    // The config bounds the tokens an expert takes of one sequence. As a share of an even split of
    // the longest sequence that is at most one: an even split never fills more slots.
    const auto slots = keys.integer_or("expert_capacity", 64, 1, limits::kPositions);
    const auto even =
        static_cast<double>(spec.max_positions) / static_cast<double>(spec.moe->experts);
    spec.moe->capacity_factor = std::min(1.0, static_cast<double>(slots) / even);
    return spec;
}

constexpr FamilyDefaults kT5{.vocab = 32128,
                             .hidden = 512,
                             .width = 2048,
                             .layers = 6,
                             .heads = 8,
                             .head_dim = 64,
                             .positions = 512,
                             .dropout = 0.1,
                             .tied = true,
                             .activation = ActivationKind::relu};
constexpr FamilyDefaults kSwitch{.vocab = 32128,
                                 .hidden = 768,
                                 .width = 2048,
                                 .layers = 12,
                                 .heads = 12,
                                 .head_dim = 64,
                                 .positions = 512,
                                 .experts = 8,
                                 .top_k = 1,
                                 .dropout = 0.1,
                                 .aux_loss = 0.001,
                                 .tied = true,
                                 .activation = ActivationKind::relu};

constexpr std::array kT5Rows{
    FamilyRow{"t5", kT5, t5},
    FamilyRow{"switch_transformers", kSwitch, switch_transformers},
};

}  // namespace

std::span<const FamilyRow> t5_families() { return kT5Rows; }

}  // namespace headroom
