#pragma once

#include "planner/step/step_scalars.h"
#include "planner/technique/lowering.h"

namespace headroom {

/// Elements that parameters of a unit start on a multiple of: 16 bytes of 16-bit values, what
/// matrix kernels ask of a pointer.
inline constexpr std::int64_t kParameterAlignment = 8;

/// Explicit workspace of the GPU's matrix library (cuBLASLt's recommendation for Hopper).
inline constexpr Bytes kGemmWorkspace = mebibytes(32);

/// Lays the parameters of each unit into one flat tensor, with a flat gradient beside it for the
/// trainable ones. Runs on the finished forward graph, before the tape.
void make_states(Lowering& lowering);

/// Whether 16-bit weights have an fp32 master: an update in host memory needs one there anyway.
bool has_master(const PlanRequest& request);

/// Ranks that a unit's optimizer state is split over at ZeRO >= 1.
std::int64_t shard_ranks(const PlanRequest& request, UnitKind kind);
/// Ranks that hold the same parameters of a unit.
std::int64_t replica_ranks(const PlanRequest& request, UnitKind kind);

}  // namespace headroom
