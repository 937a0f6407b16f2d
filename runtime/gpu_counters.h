#pragma once

#include <functional>
#include <string>

#include "planner/base/dtype.h"
#include "planner/base/units.h"
#include "runtime/executor.h"

namespace headroom {

/// Matrix work that the GPU's counters saw.
struct CounterReading {
    Flops flops{};         ///< 0: nothing was counted
    std::string method{};  ///< the counters, or why there are none
};

/// Runs `step`, a step of the executor whose products are of dtype `compute`, under the counters of
/// GPU `device`; without counters it runs all the same. It is launched op by op, never recorded.
CounterReading read_counters(int device, DType compute, Executor& executor,
                             const std::function<void()>& step);

}  // namespace headroom
