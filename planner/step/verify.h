#pragma once

#include "planner/step/step_graph.h"

namespace headroom {

/// Throws InternalError naming the op and tensor when a promise is broken: a value is read before
/// it is written or after an in-place op overwrote it; an op's declared outputs differ from its
/// tensors; a view leaves its storage; an op computes on bytes that are not on the device; an
/// asynchronous op is never waited for.
void verify(const StepGraph& graph);

}  // namespace headroom
