#include "planner/import/family.h"

#include <fmt/format.h>

#include <array>

#include "planner/base/json.h"
#include "planner/import/rope_scaling.h"
#include "planner/spec/model_limits.h"

namespace headroom {
namespace {

struct ActivationName {
    std::string_view name;
    ActivationKind kind;
};

constexpr std::array kActivationNames{
    ActivationName{"silu", ActivationKind::silu},
    ActivationName{"swish", ActivationKind::silu},
    ActivationName{"gelu", ActivationKind::gelu},
    ActivationName{"gelu_new", ActivationKind::gelu_tanh},
    ActivationName{"gelu_fast", ActivationKind::gelu_tanh},
    ActivationName{"gelu_pytorch_tanh", ActivationKind::gelu_tanh},
    ActivationName{"relu", ActivationKind::relu},
    ActivationName{"tanh", ActivationKind::tanh},
};

std::int64_t size_of(const ConfigKeys& keys, std::string_view key, std::int64_t fallback,
                     std::int64_t high) {
    if (fallback == kRequired) return keys.at(key).integer(1, high);
    return keys.integer_or(key, fallback, 1, high);
}

std::int64_t head_dim_of(const ConfigKeys& keys, const FamilyDefaults& defaults,
                         std::int64_t hidden, std::int64_t heads) {
    // An explicit null means "derive" even where the class has a number.
    const auto fallback = keys.is_null("head_dim") ? kDerived : defaults.head_dim;
    const auto given = keys.integer_or("head_dim", fallback, 1, limits::kHeadDim);
    if (given != kDerived) return given;
    if (hidden % heads != 0) {
        keys.fail("num_attention_heads",
                  fmt::format("heads {} must divide hidden size {}", heads, hidden));
    }
    return hidden / heads;
}

std::int64_t kv_heads_of(const ConfigKeys& keys, const FamilyDefaults& defaults,
                         std::int64_t heads) {
    const auto fallback = keys.is_null("num_key_value_heads") ? kDerived : defaults.kv_heads;
    const auto given = keys.integer_or("num_key_value_heads", fallback, 1, limits::kHeads);
    if (given == kDerived) return heads;
    if (heads % given != 0) {
        keys.fail("num_key_value_heads",
                  fmt::format("key/value heads {} must divide heads {}", given, heads));
    }
    return given;
}

AttentionSpec attention_fields(const ConfigKeys& keys, const FamilyDefaults& defaults,
                               std::int64_t hidden) {
    AttentionSpec attention;
    attention.heads = size_of(keys, "num_attention_heads", defaults.heads, limits::kHeads);
    attention.kv_heads = kv_heads_of(keys, defaults, attention.heads);
    attention.head_dim = head_dim_of(keys, defaults, hidden, attention.heads);
    attention.rotary_fraction = keys.number_or("rotary_fraction", 1.0, 0.0, 1.0);
    return attention;
}

}  // namespace

ModelSpec shared_fields(const ConfigKeys& keys, const FamilyDefaults& defaults) {
    ModelSpec spec;
    spec.vocab = size_of(keys, "vocab_size", defaults.vocab, limits::kVocab);
    spec.hidden = size_of(keys, "hidden_size", defaults.hidden, limits::kHidden);
    spec.layers = size_of(keys, "num_hidden_layers", defaults.layers, limits::kLayers);
    spec.max_positions =
        size_of(keys, "max_position_embeddings", defaults.positions, limits::kPositions);
    spec.attention = attention_fields(keys, defaults, spec.hidden);
    const auto width = defaults.width == kDerived ? 4 * spec.hidden : defaults.width;
    spec.ffn.width = size_of(keys, "intermediate_size", width, limits::kWidth);
    spec.ffn.activation = activation_of(keys, defaults.activation);
    spec.norm_eps = keys.number_or("norm_eps", defaults.eps, 0.0, 1.0);
    spec.rope_theta = keys.number_or("rope_theta", defaults.theta, 1.0, limits::kTheta);
    spec.rope_scaling = rope_scaling_of(keys, defaults.rope, spec.max_positions);
    spec.dropout = keys.number_or("dropout", defaults.dropout, 0.0, 1.0);
    spec.tied_embeddings = keys.boolean_or("tie_word_embeddings", defaults.tied);
    return spec;
}

ModelSpec gated_decoder(const ConfigKeys& keys, const FamilyDefaults& defaults) {
    auto spec = shared_fields(keys, defaults);
    spec.ffn.gated = true;
    return spec;
}

ActivationKind activation_of(const ConfigKeys& keys, ActivationKind fallback) {
    const auto found = keys.find("activation_function");
    if (!found) return fallback;
    std::string known;
    for (const auto& [name, kind] : kActivationNames) {
        if (found->string() == name) return kind;
        known += fmt::format("{}{}", known.empty() ? "" : ", ", name);
    }
    found->fail(fmt::format("is {}, must be one of {}", quoted(found->value()), known));
}

std::int64_t window_of(const ConfigKeys& keys, std::int64_t fallback) {
    if (keys.is_null("sliding_window")) return 0;
    return keys.integer_or("sliding_window", fallback, 1, limits::kPositions);
}

std::optional<std::vector<bool>> layer_types(const ConfigKeys& keys, std::int64_t layers) {
    const auto found = keys.find("layer_types");
    if (!found) return std::nullopt;
    std::vector<bool> flags;
    for (const auto& entry : found->elements()) {
        const auto& type = entry.string();
        if (type != "sliding_attention" && type != "full_attention") {
            entry.fail(fmt::format("is {}, must be sliding_attention or full_attention",
                                   quoted(entry.value())));
        }
        flags.push_back(type == "sliding_attention");
    }
    if (static_cast<std::int64_t>(flags.size()) != layers) {
        found->fail(fmt::format("has {} entries for {} layers", flags.size(), layers));
    }
    return flags;
}

MoeSpec expert_fields(const ConfigKeys& keys, const FamilyDefaults& defaults) {
    MoeSpec moe;
    moe.experts = size_of(keys, "num_experts", defaults.experts, limits::kExperts);
    moe.top_k = size_of(keys, "num_experts_per_tok", defaults.top_k, limits::kExperts);
    if (moe.top_k > moe.experts) {
        keys.fail("num_experts_per_tok",
                  fmt::format("{} experts a token of only {} experts", moe.top_k, moe.experts));
    }
    moe.expert_width =
        size_of(keys, "moe_intermediate_size", defaults.expert_width, limits::kWidth);
    moe.aux_loss = keys.number_or("router_aux_loss_coef", defaults.aux_loss, 0.0, limits::kScale);
    return moe;
}

}  // namespace headroom
