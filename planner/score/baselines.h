#pragma once

#include "planner/score/prediction.h"

namespace headroom {

/// Parameters by a closed formula; of an expert model, those a token meets when `active`.
enum class Counted : std::uint8_t { all, active };
double closed_parameters(const ModelSpec& model, Counted counted);

/// Part of the dense peak that the constant-efficiency baseline assumes of every GPU and model.
inline constexpr double kConstantEfficiency = 0.4;

/// 16 bytes a parameter and 34 s b h a layer; Megatron's report of theoretical memory; FLOPs of
/// 6 N + 12 L h s a token at one efficiency.
BaselineFigures baseline_figures(const PlanRequest& request);

}  // namespace headroom
