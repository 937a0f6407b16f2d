#pragma once

#include <cstdint>

namespace headroom {

/// What the kernels of a step are told while it runs. It lies in the persistent tensor
/// "input.scalars", where kernels read it, so a captured step can run again with new values.
struct StepScalars {
    float learning_rate = 0.0F;
    float beta1 = 0.9F;
    float beta2 = 0.95F;
    float epsilon = 1e-8F;
    float weight_decay = 0.0F;
    float momentum = 0.9F;     ///< SGD
    float correction1 = 1.0F;  ///< 1 - beta1^t, t counting the updates made, this one included
    float correction2 = 1.0F;  ///< 1 - beta2^t
    float clip = 0.0F;         ///< largest norm of the whole gradient; 0: no clipping
    float loss_scale = 1.0F;   ///< what the loss was multiplied by (fp16)
    /// d(step's loss)/d(a token's loss): loss_scale / tokens of the step.
    float gradient_scale = 1.0F;
    /// The same for a micro-step's router losses: loss_scale / micro-steps.
    float auxiliary_scale = 1.0F;
    std::uint32_t seed = 0;
    std::uint32_t step = 0;
    std::uint32_t micro_step = 0;
    std::uint32_t reserved = 0;
    double loss_sum = 0.0;       ///< of the step's tokens so far; written by the backend
    double auxiliary_sum = 0.0;  ///< of the step's router losses so far, coefficients included
};

/// f32 elements of "input.scalars".
inline constexpr std::int64_t kScalars = 64;
static_assert(sizeof(StepScalars) <= kScalars * sizeof(float));

}  // namespace headroom
