#include "kernels/cpu/optimizer_step.h"

#include <algorithm>
#include <cmath>

#include "kernels/cpu/clones.h"

namespace headroom {
namespace {

// Arrays that the compiler knows apart, and one loop: this is what it turns into vectors.

HEADROOM_CLONES
void adamw(const StepRates rates, std::int64_t count, float* __restrict weight,
           const float* __restrict gradient, float* __restrict first, float* __restrict second) {
    for (std::int64_t i = 0; i < count; ++i) {
        const float g = gradient[i] * rates.gradient;
        const float m = rates.beta1 * first[i] + (1.0F - rates.beta1) * g;
        const float v = rates.beta2 * second[i] + (1.0F - rates.beta2) * g * g;
        first[i] = m;
        second[i] = v;
        weight[i] =
            weight[i] * rates.keep - rates.step * m / (std::sqrt(v) * rates.unbias + rates.epsilon);
    }
}

HEADROOM_CLONES
void sgd(const StepRates rates, std::int64_t count, float* __restrict weight,
         const float* __restrict gradient, float* __restrict momentum) {
    for (std::int64_t i = 0; i < count; ++i) {
        const float g = gradient[i] * rates.gradient + rates.decay * weight[i];
        momentum[i] = rates.momentum * momentum[i] + g;
        weight[i] -= rates.learning_rate * momentum[i];
    }
}

HEADROOM_CLONES
void lion(const StepRates rates, std::int64_t count, float* __restrict weight,
          const float* __restrict gradient, float* __restrict momentum) {
    for (std::int64_t i = 0; i < count; ++i) {
        const float g = gradient[i] * rates.gradient;
        const float direction = rates.beta1 * momentum[i] + (1.0F - rates.beta1) * g;
        const float sign = static_cast<float>(static_cast<int>(direction > 0.0F) -
                                              static_cast<int>(direction < 0.0F));
        weight[i] = weight[i] * rates.keep - rates.learning_rate * sign;
        momentum[i] = rates.beta2 * momentum[i] + (1.0F - rates.beta2) * g;
    }
}

}  // namespace

StepRates step_rates(const StepScalars& scalars, double square_sum) {
    const auto scale = static_cast<double>(scalars.loss_scale);
    const double norm = std::sqrt(square_sum) / scale;
    // The constant is torch.nn.utils.clip_grad_norm_'s.
    const double clip = static_cast<double>(scalars.clip) / (norm + 1e-6);
    const double factor = scalars.clip > 0.0F ? std::min(1.0, clip) : 1.0;
    const auto rate = static_cast<double>(scalars.learning_rate);
    const auto decay = static_cast<double>(scalars.weight_decay);
    const auto correction1 = static_cast<double>(scalars.correction1);
    const auto correction2 = static_cast<double>(scalars.correction2);
    return {.gradient = static_cast<float>(factor / scale),
            .learning_rate = scalars.learning_rate,
            .decay = scalars.weight_decay,
            .keep = static_cast<float>(1.0 - rate * decay),
            .beta1 = scalars.beta1,
            .beta2 = scalars.beta2,
            .step = static_cast<float>(rate / correction1),
            .unbias = static_cast<float>(1.0 / std::sqrt(correction2)),
            .epsilon = scalars.epsilon,
            .momentum = scalars.momentum};
}

StepElements StepElements::part(std::int64_t begin, std::int64_t end) const {
    const auto from = [&](auto* pointer) { return pointer == nullptr ? nullptr : pointer + begin; };
    return {from(weight), from(gradient), from(first), from(second), end - begin};
}

void step_adamw(const StepRates& rates, const StepElements& elements) {
    adamw(rates, elements.count, elements.weight, elements.gradient, elements.first,
          elements.second);
}

void step_sgd(const StepRates& rates, const StepElements& elements) {
    sgd(rates, elements.count, elements.weight, elements.gradient, elements.first);
}

void step_lion(const StepRates& rates, const StepElements& elements) {
    lion(rates, elements.count, elements.weight, elements.gradient, elements.first);
}

}  // namespace headroom
