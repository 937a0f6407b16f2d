#include "planner/spec/model_spec.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "planner/base/error.h"
#include "planner/spec/model_fields.h"

namespace headroom {
namespace {

/// The spec with its place in a document: a failed promise names the field.
struct Checked {
    const ModelSpec& spec;
    const std::string& pointer;

    void require(bool holds, std::string_view field, const std::string& sentence) const {
        if (!holds) throw InputError(fmt::format("{}/{}", pointer, field), sentence);
    }
};

template <class Number>
void check_number(const std::string& pointer, Number value, Range<Number> range) {
    // Written so that NaN fails.
    if (value >= range.low && value <= range.high) return;
    throw InputError(pointer,
                     fmt::format("is {}, must be from {} to {}", value, range.low, range.high));
}

template <class Struct>
void check_ranges(const std::string& pointer, const Struct& value) {
    visit_fields(
        [&](const char* key, auto member, auto... range) {
            const auto& field = value.*member;
            using Field = std::remove_cvref_t<decltype(field)>;
            const std::string place = fmt::format("{}/{}", pointer, key);
            if constexpr (sizeof...(range) == 1) {
                check_number(place, field, range...);
            } else if constexpr (std::is_same_v<Field, AttentionSpec> ||
                                 std::is_same_v<Field, FfnSpec> ||
                                 std::is_same_v<Field, RopeScaling>) {
                check_ranges(place, field);
            } else if constexpr (std::is_same_v<Field, std::optional<MoeSpec>> ||
                                 std::is_same_v<Field, std::optional<LatentAttention>>) {
                if (field) check_ranges(place, *field);
            } else if constexpr (std::is_same_v<Field, std::vector<ExtraParameters>>) {
                for (std::size_t i = 0; i < field.size(); ++i) {
                    check_ranges(fmt::format("{}/{}", place, i), field[i]);
                }
            }
        },
        &value);
}

void check_attention(const Checked& model) {
    const auto& a = model.spec.attention;
    model.require(a.heads % a.kv_heads == 0, "attention/kv_heads",
                  fmt::format("kv_heads {} must divide heads {}", a.kv_heads, a.heads));
    const auto width = a.heads * a.head_dim;
    model.require(width <= limits::kWidth, "attention/head_dim",
                  fmt::format("{} heads of {} make a width of {}, the limit is {}", a.heads,
                              a.head_dim, width, limits::kWidth));
    if (!a.latent) return;
    const auto& latent = *a.latent;
    model.require(a.head_dim == latent.nope_dim + latent.rope_dim, "attention/head_dim",
                  fmt::format("head_dim {} must be nope_dim {} + rope_dim {}", a.head_dim,
                              latent.nope_dim, latent.rope_dim));
    model.require(
        a.kv_heads == a.heads, "attention/kv_heads",
        fmt::format("kv_heads {} must equal heads {} with latent attention", a.kv_heads, a.heads));
    model.require(a.heads * latent.v_dim <= limits::kWidth, "attention/latent/v_dim",
                  fmt::format("{} heads of {} are wider than the limit of {}", a.heads,
                              latent.v_dim, limits::kWidth));
}

void check_flags(const Checked& model, const std::vector<bool>& flags, std::string_view field,
                 std::int64_t layers) {
    model.require(flags.empty() || static_cast<std::int64_t>(flags.size()) == layers, field,
                  fmt::format("has {} flags for {} layers", flags.size(), layers));
}

void check_moe(const Checked& model) {
    const auto& spec = model.spec;
    check_flags(model, spec.moe_layers, "moe_layers", spec.layers);
    check_flags(model, spec.encoder_moe_layers, "encoder_moe_layers", spec.encoder_layers);
    if (!spec.moe) {
        model.require(spec.moe_layers.empty(), "moe_layers", "is given, but /moe is missing");
        model.require(spec.encoder_moe_layers.empty(), "encoder_moe_layers",
                      "is given, but /moe is missing");
        return;
    }
    model.require(
        spec.moe->top_k <= spec.moe->experts, "moe/top_k",
        fmt::format("top_k {} must not exceed experts {}", spec.moe->top_k, spec.moe->experts));
    model.require(!spec.moe->shared_gate || spec.moe->shared_width > 0, "moe/shared_gate",
                  "needs a shared_width");
}

void check_rope(const Checked& model) {
    const auto& rope = model.spec.rope_scaling;
    const bool blends = rope.kind == RopeScalingKind::llama3 || rope.kind == RopeScalingKind::yarn;
    if (!blends) return;
    model.require(rope.original > 0, "rope_scaling/original",
                  "is 0, a blend needs the positions the model was first trained for");
    model.require(rope.high > rope.low, "rope_scaling/high",
                  fmt::format("is {}, must be above low {}", rope.high, rope.low));
}

void check_position_table(const Checked& model) {
    const auto& spec = model.spec;
    model.require(spec.position != PositionKind::learned || spec.position_rows > 0, "position_rows",
                  "is 0, learned positions need at least one row");
    model.require(spec.position != PositionKind::relative_bias || spec.relative_buckets > 0,
                  "relative_buckets", "is 0, a relative bias needs at least one bucket");
    check_rope(model);
    check_flags(model, spec.windowed, "windowed", spec.layers);
    model.require(spec.windowed.empty() || spec.attention.window > 0, "windowed",
                  "is given, but /attention/window is 0");
}

void check_stack(const Checked& model) {
    const auto& spec = model.spec;
    const bool both = spec.stack == Stack::encoder_decoder;
    model.require(both == (spec.encoder_layers > 0), "encoder_layers",
                  fmt::format("is {}, {}", spec.encoder_layers,
                              both ? "an encoder_decoder needs at least one"
                                   : "only an encoder_decoder has them"));
    model.require(!spec.shared_input_norm || spec.parallel_residual, "shared_input_norm",
                  "needs parallel_residual");
}

/// Not the count of record: an upper estimate that only has to catch absurd combinations.
double parameter_bound(const ModelSpec& spec) {
    const auto real = [](std::int64_t value) { return static_cast<double>(value); };
    const double hidden = real(spec.hidden);
    const auto& a = spec.attention;
    double heads_wide = real(a.heads) * real(a.head_dim);
    double layer = 8.0 * hidden * heads_wide;
    if (a.latent) {
        heads_wide += real(a.heads) * real(a.latent->v_dim);
        layer = (hidden + heads_wide) * real(a.latent->q_rank + a.latent->kv_rank + a.head_dim) +
                2.0 * hidden * heads_wide;
    }
    layer += 3.0 * hidden * real(spec.ffn.width);
    if (spec.moe) {
        layer +=
            3.0 * hidden *
            (real(spec.moe->experts) * real(spec.moe->expert_width) + real(spec.moe->shared_width));
    }
    const double tables = 2.0 * real(spec.vocab) + real(spec.position_rows) +
                          2.0 * real(spec.embedding_width) + 16.0 * hidden;
    return layer * real(spec.layers + spec.encoder_layers) + hidden * tables;
}

void check_size(const Checked& model) {
    const double bound = parameter_bound(model.spec);
    if (bound <= static_cast<double>(limits::kParameters)) return;
    throw InputError(model.pointer, fmt::format("describes about {:.1e} parameters, the limit is "
                                                "{:.1e}",
                                                bound, static_cast<double>(limits::kParameters)));
}

}  // namespace

void validate(const ModelSpec& spec, const std::string& pointer) {
    check_ranges(pointer, spec);
    const Checked model{spec, pointer};
    check_attention(model);
    check_moe(model);
    check_position_table(model);
    check_stack(model);
    check_size(model);
}

}  // namespace headroom
