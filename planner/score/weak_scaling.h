#pragma once

#include <string_view>

#include "planner/score/prediction.h"

namespace headroom {

/// How well growth with the number of GPUs is reproduced: runs that differ in nothing but their
/// data-parallel degree, each against the smallest of its series.
struct WeakScaling {
    std::int64_t series = 0;
    std::int64_t rows = 0;
    double median = 0.0;  ///< of |predicted growth / measured growth - 1|
    double max = 0.0;
};

/// Series of one source of at least three runs that reach 512 GPUs.
WeakScaling weak_scaling(const ScoredRows& rows, std::string_view group);

}  // namespace headroom
