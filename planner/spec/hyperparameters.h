#pragma once

#include <cstdint>

namespace headroom {

enum class Schedule { constant, cosine };

/// What an optimizer is told; the schedule goes from zero over `warmup` steps to `learning_rate`,
/// then stays, or falls as a cosine to `final_fraction` of it at step `steps`. A plan holds none of
/// it: memory and time are the same.
struct Hyperparameters {
    double learning_rate = 3e-4;
    double beta1 = 0.9;
    double beta2 = 0.95;
    double epsilon = 1e-8;
    double weight_decay = 0.1;
    double momentum = 0.9;  ///< SGD
    double clip = 1.0;      ///< largest gradient norm; 0: none
    Schedule schedule = Schedule::constant;
    std::int64_t warmup = 0;
    std::int64_t steps = 0;
    double final_fraction = 0.1;
};

}  // namespace headroom
