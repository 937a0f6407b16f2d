#include "planner/import/config_keys.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "planner/base/json.h"

namespace headroom {
namespace {

enum class Spellings { must_agree, first_wins };

struct AliasRow {
    std::string_view key;  ///< the spelling that adapters use
    Spellings spellings;
    std::array<std::string_view, 4> others{};  ///< a '/' descends into an object
};

constexpr std::array kAliases{
    AliasRow{"hidden_size", Spellings::must_agree, {"n_embd", "n_embed", "d_model"}},
    AliasRow{"num_hidden_layers", Spellings::must_agree, {"n_layer", "n_layers", "num_layers"}},
    AliasRow{"num_attention_heads", Spellings::must_agree, {"n_head", "n_heads", "num_heads"}},
    AliasRow{"num_key_value_heads", Spellings::must_agree, {"num_kv_heads", "n_head_kv"}},
    AliasRow{"head_dim", Spellings::must_agree, {"d_kv"}},
    AliasRow{"intermediate_size",
             Spellings::must_agree,
             {"n_inner", "ffn_dim", "d_ff", "ffn_hidden_size"}},
    AliasRow{"max_position_embeddings", Spellings::first_wins, {"n_positions", "seq_length"}},
    AliasRow{"num_experts", Spellings::must_agree, {"num_local_experts", "n_routed_experts"}},
    AliasRow{"num_experts_per_tok", Spellings::must_agree, {"experts_per_token"}},
    AliasRow{"norm_eps",
             Spellings::first_wins,
             {"rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon"}},
    AliasRow{"activation_function",
             Spellings::first_wins,
             {"hidden_activation", "hidden_act", "activation", "dense_act_fn"}},
    AliasRow{"dropout",
             Spellings::first_wins,
             {"resid_pdrop", "hidden_dropout_prob", "hidden_dropout", "dropout_rate"}},
    AliasRow{"rope_theta",
             Spellings::first_wins,
             {"rotary_emb_base", "rope_parameters/rope_theta",
              "rope_parameters/full_attention/rope_theta"}},
    AliasRow{"rope_local_base_freq",
             Spellings::first_wins,
             {"rope_parameters/sliding_attention/rope_theta"}},
    AliasRow{"rope_scaling",
             Spellings::first_wins,
             {"rope_parameters/full_attention", "rope_parameters"}},
    AliasRow{
        "rope_scaling_of_windows", Spellings::first_wins, {"rope_parameters/sliding_attention"}},
    AliasRow{"rotary_fraction",
             Spellings::first_wins,
             {"partial_rotary_factor", "rotary_pct", "rope_parameters/partial_rotary_factor"}},
    AliasRow{"dtype", Spellings::first_wins, {"torch_dtype"}},
    AliasRow{"sliding_window_pattern", Spellings::first_wins, {"_sliding_window_pattern"}},
};

JsonCursor text_part(const JsonCursor& root) {
    const auto text = root.find("text_config");
    if (!text) return root;
    if (!text->is_object()) text->fail("must be an object, is " + quoted(text->value()));
    return *text;
}

/// The value at a path; null counts as a value, a missing or non-object step does not.
std::optional<JsonCursor> descend(JsonCursor from, std::string_view path) {
    while (true) {
        const auto slash = path.find('/');
        const auto step = path.substr(0, slash);
        if (!from.is_object()) return std::nullopt;
        if (slash == std::string_view::npos) {
            for (auto& [key, value] : from.members()) {
                if (key == step) return value;
            }
            return std::nullopt;
        }
        const auto next = from.find(step);
        if (!next) return std::nullopt;
        from = *next;
        path.remove_prefix(slash + 1);
    }
}

void check_agreement(const JsonCursor& first, const JsonCursor& second) {
    if (first.value() == second.value()) return;
    second.fail(fmt::format("is {}, but {} says {}", quoted(second.value()), first.pointer(),
                            quoted(first.value())));
}

}  // namespace

ConfigKeys::ConfigKeys(const JsonCursor& config) : root_(config), text_(text_part(config)) {
    for (auto& [key, value] : text_.members()) values_.emplace(key, value);
    apply_aliases();
    if (!has("tie_word_embeddings")) {
        if (const auto outer = root_.find("tie_word_embeddings")) {
            values_.insert_or_assign("tie_word_embeddings", *outer);
        }
    }
}

void ConfigKeys::apply_aliases() {
    for (const auto& row : kAliases) {
        for (const auto other : row.others) {
            if (other.empty()) break;
            const auto found = descend(text_, other);
            if (!found) continue;
            const auto known = find(row.key);
            if (!known) {
                if (!found->is_null() || !has(row.key)) {
                    values_.insert_or_assign(std::string(row.key), *found);
                }
            } else if (row.spellings == Spellings::must_agree && !found->is_null()) {
                check_agreement(*known, *found);
            }
        }
    }
}

bool ConfigKeys::has(std::string_view key) const { return values_.contains(key); }

bool ConfigKeys::is_null(std::string_view key) const {
    const auto found = values_.find(key);
    return found != values_.end() && found->second.is_null();
}

std::optional<JsonCursor> ConfigKeys::find(std::string_view key) const {
    const auto found = values_.find(key);
    if (found == values_.end() || found->second.is_null()) return std::nullopt;
    return found->second;
}

JsonCursor ConfigKeys::at(std::string_view key) const {
    if (auto found = find(key)) return *found;
    fail(key, "is missing");
}

std::int64_t ConfigKeys::integer_or(std::string_view key, std::int64_t fallback, std::int64_t low,
                                    std::int64_t high) const {
    const auto found = find(key);
    return found ? found->integer(low, high) : fallback;
}

double ConfigKeys::number_or(std::string_view key, double fallback, double low, double high) const {
    const auto found = find(key);
    return found ? found->number(low, high) : fallback;
}

bool ConfigKeys::boolean_or(std::string_view key, bool fallback) const {
    const auto found = find(key);
    return found ? found->boolean() : fallback;
}

void ConfigKeys::fail(std::string_view key, const std::string& sentence) const {
    throw InputError(pointer_of(key), sentence);
}

std::string ConfigKeys::pointer_of(std::string_view key) const {
    const auto found = values_.find(key);
    if (found != values_.end()) return found->second.pointer();
    const auto& base = text_.pointer();
    return fmt::format("{}/{}", base == "/" ? "" : base, key);
}

}  // namespace headroom
