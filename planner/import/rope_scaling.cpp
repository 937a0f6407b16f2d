#include "planner/import/rope_scaling.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "planner/base/json.h"
#include "planner/spec/model_limits.h"

namespace headroom {
namespace {

constexpr std::string_view kNoScaling = "default";

/// What these rules were trained for: the config's own word goes before the rule's.
std::int64_t original_positions(const ConfigKeys& keys, const JsonCursor& rule,
                                std::int64_t positions) {
    constexpr std::string_view kKey = "original_max_position_embeddings";
    const auto inner = rule.integer_or(kKey, positions, 1, limits::kPositions);
    return keys.integer_or(kKey, inner, 1, limits::kPositions);
}

/// The number; the fallback also where the file says 0.
double positive_or(const JsonCursor& rule, std::string_view key, double fallback) {
    const double given = rule.number_or(key, 0.0, 0.0, limits::kTheta);
    return given > 0.0 ? given : fallback;
}

void check_order(const JsonCursor& rule, const RopeScaling& scaling, std::string_view high) {
    if (scaling.high > scaling.low) return;
    throw InputError(fmt::format("{}/{}", rule.pointer(), high),
                     fmt::format("is {}, must be above {}", scaling.high, scaling.low));
}

RopeScaling linear(const ConfigKeys&, const JsonCursor& rule, std::int64_t) {
    return {.kind = RopeScalingKind::linear,
            .factor = rule.at("factor").number(1.0, limits::kTheta)};
}

RopeScaling llama3(const ConfigKeys& keys, const JsonCursor& rule, std::int64_t positions) {
    const RopeScaling scaling{.kind = RopeScalingKind::llama3,
                              .factor = rule.at("factor").number(1.0, limits::kTheta),
                              .low = rule.at("low_freq_factor").number(1e-6, limits::kTheta),
                              .high = rule.at("high_freq_factor").number(1e-6, limits::kTheta),
                              .original = original_positions(keys, rule, positions)};
    check_order(rule, scaling, "high_freq_factor");
    return scaling;
}

/// What cos and sin are multiplied by.
double yarn_attention(const JsonCursor& rule, double factor) {
    if (const auto given = rule.find("attention_factor")) return given->number(0.0, limits::kScale);
    const double part = rule.number_or("mscale", 0.0, 0.0, limits::kScale);
    const double all = rule.number_or("mscale_all_dim", 0.0, 0.0, limits::kScale);
    if (part == 0.0 || all == 0.0) return yarn_mscale(factor, 1.0);
    return yarn_mscale(factor, part) / yarn_mscale(factor, all);
}

RopeScaling yarn(const ConfigKeys& keys, const JsonCursor& rule, std::int64_t positions) {
    RopeScaling scaling{.kind = RopeScalingKind::yarn,
                        .low = positive_or(rule, "beta_slow", 1.0),
                        .high = positive_or(rule, "beta_fast", 32.0),
                        .original = original_positions(keys, rule, positions),
                        .truncate = rule.boolean_or("truncate", true)};
    check_order(rule, scaling, "beta_fast");
    const double stretch =
        std::max(1.0, static_cast<double>(positions) / static_cast<double>(scaling.original));
    scaling.factor = rule.number_or("factor", stretch, 1.0, limits::kTheta);
    scaling.attention = yarn_attention(rule, scaling.factor);
    return scaling;
}

struct ScalingRow {
    std::string_view type;
    RopeScaling (*read)(const ConfigKeys& keys, const JsonCursor& rule, std::int64_t positions);
};

constexpr std::array kScalings{ScalingRow{"linear", linear}, ScalingRow{"llama3", llama3},
                               ScalingRow{"yarn", yarn}};

}  // namespace

std::string rope_type_of(const JsonCursor& rule) {
    return rule.string_or("rope_type", rule.string_or("type", std::string(kNoScaling)));
}

RopeScaling rope_scaling_of(const ConfigKeys& keys, const RopeScaling& fallback,
                            std::int64_t positions) {
    const auto rule = keys.find("rope_scaling");
    if (!rule) return fallback;
    const auto type = rope_type_of(*rule);
    if (type == kNoScaling) return {};
    for (const auto& row : kScalings) {
        if (row.type == type) return row.read(keys, *rule, positions);
    }
    return {.kind = RopeScalingKind::other};
}

double yarn_mscale(double factor, double mscale) {
    return factor <= 1.0 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
}

}  // namespace headroom
