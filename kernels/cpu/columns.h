#pragma once

#include "kernels/launch.h"
#include "planner/step/op/elementwise.h"

namespace headroom {

/// Column blocks are views: nothing moves.
void split_columns_cpu(const SplitColumns& op, const Launch& launch);
/// (N, a), (N, b), ... -> (N, a + b + ...)
void join_columns_cpu(const JoinColumns& op, const Launch& launch);
/// (x (N, C), scale (C)) -> y (N, C)
void scale_columns_cpu(const ScaleColumns& op, const Launch& launch);
/// (x, scale, dy) -> (dx over x, dscale (C))
void scale_columns_grad_cpu(const ScaleColumnsGrad& op, const Launch& launch);
/// (x (N, C), gate (N, 1)) -> y (N, C)
void gate_rows_cpu(const GateRows& op, const Launch& launch);
/// (x, gate, dy) -> (dx over x, dgate (N, 1))
void gate_rows_grad_cpu(const GateRowsGrad& op, const Launch& launch);
/// x (B*T, C) -> (B, C)
void pool_rows_cpu(const PoolRows& op, const Launch& launch);

}  // namespace headroom
