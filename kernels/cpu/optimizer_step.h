#pragma once

#include <cstdint>

#include "planner/step/step_scalars.h"

namespace headroom {

/// What one optimizer step multiplies with, computed once for all elements.
struct StepRates {
    float gradient = 1.0F;  ///< unscales and clips
    float learning_rate = 0.0F;
    float decay = 0.0F;  ///< SGD: times the weight, added to its gradient
    float keep = 1.0F;   ///< AdamW and Lion: what decay leaves of a weight
    float beta1 = 0.0F;
    float beta2 = 0.0F;
    float step = 0.0F;    ///< AdamW: learning rate / correction1
    float unbias = 1.0F;  ///< AdamW: 1 / sqrt(correction2)
    float epsilon = 0.0F;
    float momentum = 0.0F;

    [[nodiscard]] StepRates without_decay() const {
        StepRates rates = *this;
        rates.decay = 0.0F;
        rates.keep = 1.0F;
        return rates;
    }
};

/// The rates of a step whose gradients' squares sum to `square_sum`, still times loss_scale^2.
StepRates step_rates(const StepScalars& scalars, double square_sum);

/// `count` elements of one unit as floats; each state is null where the optimizer has none.
struct StepElements {
    float* weight = nullptr;
    const float* gradient = nullptr;
    float* first = nullptr;   ///< first moment or momentum
    float* second = nullptr;  ///< second moment
    std::int64_t count = 0;

    [[nodiscard]] StepElements part(std::int64_t begin, std::int64_t end) const;
};

/// Loshchilov and Hutter 2019, as torch.optim.AdamW.
void step_adamw(const StepRates& rates, const StepElements& elements);
/// Momentum without dampening, as torch.optim.SGD.
void step_sgd(const StepRates& rates, const StepElements& elements);
/// Chen et al. 2023.
void step_lion(const StepRates& rates, const StepElements& elements);

}  // namespace headroom
