#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <type_traits>

#include "planner/spec/model_fields.h"
#include "planner/spec/plan_request.h"

namespace headroom {

// The words of a request's enums, in its documents and on the command line.

inline constexpr Words<Goal, 3> kGoals{
    {{Goal::pretrain, "pretrain"}, {Goal::finetune, "finetune"}, {Goal::adapt, "adapt"}}};
inline constexpr Words<Aim, 3> kAims{
    {{Aim::time, "time"}, {Aim::cost, "cost"}, {Aim::memory, "memory"}}};
inline constexpr Words<OptimizerKind, 5> kOptimizers{{{OptimizerKind::adamw, "adamw"},
                                                      {OptimizerKind::sgd, "sgd"},
                                                      {OptimizerKind::lion, "lion"},
                                                      {OptimizerKind::adafactor, "adafactor"},
                                                      {OptimizerKind::adamw8bit, "adamw8bit"}}};
inline constexpr Words<LossKind, 3> kLosses{
    {{LossKind::chunked, "chunked"}, {LossKind::fused, "fused"}, {LossKind::unfused, "unfused"}}};
inline constexpr Words<AttentionImpl, 2> kAttentions{
    {{AttentionImpl::flash, "flash"}, {AttentionImpl::eager, "eager"}}};
inline constexpr Words<RecomputeMode, 6> kRecomputeModes{{{RecomputeMode::none, "none"},
                                                          {RecomputeMode::selective, "selective"},
                                                          {RecomputeMode::layer, "layer"},
                                                          {RecomputeMode::every, "every"},
                                                          {RecomputeMode::sqrt, "sqrt"},
                                                          {RecomputeMode::all, "all"}}};
inline constexpr Words<PipelineSchedule, 2> kSchedules{
    {{PipelineSchedule::one_f_one_b, "1f1b"}, {PipelineSchedule::interleaved, "interleaved"}}};
inline constexpr Words<ContextKind, 2> kContextKinds{
    {{ContextKind::gather, "gather"}, {ContextKind::ulysses, "ulysses"}}};
inline constexpr Words<Tier, 3> kTiers{
    {{Tier::device, "device"}, {Tier::cpu, "cpu"}, {Tier::nvme, "nvme"}}};
inline constexpr Words<AdapterKind, 4> kAdapterKinds{{{AdapterKind::none, "none"},
                                                      {AdapterKind::lora, "lora"},
                                                      {AdapterKind::qlora, "qlora"},
                                                      {AdapterKind::dora, "dora"}}};
inline constexpr Words<QatType, 3> kQatTypes{
    {{QatType::none, "none"}, {QatType::int8, "int8"}, {QatType::int4, "int4"}}};
inline constexpr Words<TeacherWeights, 2> kTeacherWeights{
    {{TeacherWeights::compute, "compute"}, {TeacherWeights::nf4, "nf4"}}};
inline constexpr Words<PrunePattern, 3> kPrunePatterns{
    {{PrunePattern::none, "none"},
     {PrunePattern::unstructured, "unstructured"},
     {PrunePattern::two_of_four, "2:4"}}};
/// The dtypes that weights, activations and gradients may have.
inline constexpr Words<DType, 3> kTrainedDTypes{{{DType::f32, name(DType::f32)},
                                                 {DType::bf16, name(DType::bf16)},
                                                 {DType::f16, name(DType::f16)}}};

constexpr const auto& words(Goal) { return kGoals; }
constexpr const auto& words(Aim) { return kAims; }
constexpr const auto& words(OptimizerKind) { return kOptimizers; }
constexpr const auto& words(LossKind) { return kLosses; }
constexpr const auto& words(AttentionImpl) { return kAttentions; }
constexpr const auto& words(RecomputeMode) { return kRecomputeModes; }
constexpr const auto& words(PipelineSchedule) { return kSchedules; }
constexpr const auto& words(ContextKind) { return kContextKinds; }
constexpr const auto& words(Tier) { return kTiers; }
constexpr const auto& words(AdapterKind) { return kAdapterKinds; }
constexpr const auto& words(QatType) { return kQatTypes; }
constexpr const auto& words(TeacherWeights) { return kTeacherWeights; }
constexpr const auto& words(PrunePattern) { return kPrunePatterns; }
constexpr const auto& words(DType) { return kTrainedDTypes; }

template <class Enum>
concept Worded = std::is_enum_v<Enum> && requires(Enum value) {
    words(value);
};

/// The word of an enum value; empty for a value outside its table.
template <Worded Enum>
constexpr std::string_view name(Enum value) {
    for (const auto& [entry, word] : words(value)) {
        if (entry == value) return word;
    }
    return {};
}

/// The value of that word, if there is one.
template <Worded Enum>
constexpr std::optional<Enum> named(std::string_view text) {
    for (const auto& [entry, word] : words(Enum{})) {
        if (word == text) return entry;
    }
    return std::nullopt;
}

/// All words of an enum, in its order.
template <Worded Enum>
inline constexpr auto kNames = [] {
    std::array<std::string_view, words(Enum{}).size()> names{};
    for (std::size_t i = 0; i < names.size(); ++i) names[i] = words(Enum{})[i].second;
    return names;
}();

struct SelectiveOpRow {
    std::string_view name{};
    bool SelectiveOps::*member = nullptr;
};
/// The op kinds of selective recomputation.
inline constexpr std::array kSelectiveOps{SelectiveOpRow{"norm", &SelectiveOps::norm},
                                          SelectiveOpRow{"activation", &SelectiveOps::activation},
                                          SelectiveOpRow{"attention", &SelectiveOps::attention}};

/// Linear layers that an adapter can be put on, over all families.
inline constexpr std::array<std::string_view, 13> kAdapterTargets{
    "q_proj",    "k_proj", "v_proj",    "qkv_proj", "q_a_proj",     "q_b_proj", "kv_a_proj",
    "kv_b_proj", "o_proj", "gate_proj", "up_proj",  "gate_up_proj", "down_proj"};

}  // namespace headroom
