#pragma once

#include "planner/technique/lowering.h"

namespace headroom {

/// Data-parallel communication and ZeRO / FSDP. Gradients are summed over the replicas (stages 0
/// and 1: in the last micro-step; 2 and 3: a layer at a time, into a kept shard). At stage 3, and
/// for parameters that live in host memory or on NVMe, a unit's weights are brought in before each
/// stretch of ops that reads them, `prefetch` stretches ahead, and given up after it.
void shard(Lowering& lowering);

}  // namespace headroom
