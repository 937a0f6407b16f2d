#pragma once

// The arithmetic of an optimizer's step on one element.

#include "kernels/adam8.h"
#include "kernels/device/simt.h"
#include "planner/step/step_scalars.h"

namespace headroom::device {

/// What one step multiplies with.
struct StepRates {
    float gradient;  ///< unscales and clips
    float learning_rate;
    float decay;  ///< of the elements that decay
    float beta1;
    float beta2;
    float step;    ///< AdamW: learning rate / correction1
    float unbias;  ///< AdamW: 1 / sqrt(correction2)
    float epsilon;
    float momentum;
};

/// The rates of a step whose gradients' squares sum to `square_sum`, still times loss_scale^2.
__device__ __forceinline__ StepRates step_rates(const StepScalars& scalars, double square_sum) {
    const auto scale = static_cast<double>(scalars.loss_scale);
    const double norm = sqrt(square_sum) / scale;
    // The constant is torch.nn.utils.clip_grad_norm_'s.
    const double clip = static_cast<double>(scalars.clip) / (norm + 1e-6);
    const double factor = scalars.clip > 0.0F && clip < 1.0 ? clip : 1.0;
    return {static_cast<float>(factor / scale),
            scalars.learning_rate,
            scalars.weight_decay,
            scalars.beta1,
            scalars.beta2,
            scalars.learning_rate / scalars.correction1,
            1.0F / sqrtf(scalars.correction2),
            scalars.epsilon,
            scalars.momentum};
}

/// Loshchilov and Hutter 2019, as torch.optim.AdamW.
struct AdamwRule {
    static constexpr int kStates = 2;
    static __device__ __forceinline__ void step(const StepRates& rates, float decay, float gradient,
                                                float& weight, float& m, float& v) {
        m = rates.beta1 * m + (1.0F - rates.beta1) * gradient;
        v = rates.beta2 * v + (1.0F - rates.beta2) * gradient * gradient;
        const float keep = 1.0F - rates.learning_rate * decay;
        weight = weight * keep - rates.step * m / (sqrtf(v) * rates.unbias + rates.epsilon);
    }
};

/// Momentum without dampening, as torch.optim.SGD.
struct SgdRule {
    static constexpr int kStates = 1;
    static __device__ __forceinline__ void step(const StepRates& rates, float decay, float gradient,
                                                float& weight, float& m, float&) {
        m = rates.momentum * m + (gradient + decay * weight);
        weight -= rates.learning_rate * m;
    }
};

/// Chen et al. 2023.
struct LionRule {
    static constexpr int kStates = 1;
    static __device__ __forceinline__ void step(const StepRates& rates, float decay, float gradient,
                                                float& weight, float& m, float&) {
        const float direction = rates.beta1 * m + (1.0F - rates.beta1) * gradient;
        const float sign = direction > 0.0F ? 1.0F : (direction < 0.0F ? -1.0F : 0.0F);
        weight = weight * (1.0F - rates.learning_rate * decay) - rates.learning_rate * sign;
        m = rates.beta2 * m + (1.0F - rates.beta2) * gradient;
    }
};

/// The maps of both 8-bit states, as a kernel is given them.
struct Adam8Tables {
    float signed_value[256];
    float signed_middle[255];
    float unsigned_value[256];
    float unsigned_middle[255];
};
inline Adam8Tables adam8_tables() {
    Adam8Tables tables{};
    std::copy(kAdam8Signed.value.begin(), kAdam8Signed.value.end(), tables.signed_value);
    std::copy(kAdam8Signed.middle.begin(), kAdam8Signed.middle.end(), tables.signed_middle);
    std::copy(kAdam8Unsigned.value.begin(), kAdam8Unsigned.value.end(), tables.unsigned_value);
    std::copy(kAdam8Unsigned.middle.begin(), kAdam8Unsigned.middle.end(), tables.unsigned_middle);
    return tables;
}

}  // namespace headroom::device
