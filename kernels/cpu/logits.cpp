#include "kernels/cpu/logits.h"

#include "kernels/cpu/clones.h"

namespace headroom {
namespace {

template <class R>
[[gnu::always_inline]] inline void shape_all(std::int64_t count, const Shaping<R>& shaping, R* z) {
    const auto [scale, cap] = shaping;
    if (cap > R{0}) {
        for (std::int64_t i = 0; i < count; ++i) {
            z[i] = cap * hyperbolic_tangent(scale * z[i] / cap);
        }
    } else {
        for (std::int64_t i = 0; i < count; ++i) z[i] *= scale;
    }
}
template <class R>
[[gnu::always_inline]] inline void add_all(std::int64_t count, const R* x, ExponentialSum<R>& to) {
    const R largest = largest_of(count, x, to.largest);
    if (largest > to.largest) {
        to.sum *= std::exp(static_cast<double>(to.largest) - static_cast<double>(largest));
        to.largest = largest;
    }
    if (largest == -std::numeric_limits<R>::infinity()) return;  // nothing but -inf so far
    to.sum += static_cast<double>(
        lane_sum<R>(count, [&](std::int64_t i) { return exponential(x[i] - largest); }));
}

}  // namespace

HEADROOM_CLONES void shape(std::int64_t count, const Shaping<float>& shaping, float* z) {
    shape_all(count, shaping, z);
}
void shape(std::int64_t count, const Shaping<double>& shaping, double* z) {
    shape_all(count, shaping, z);
}

HEADROOM_CLONES void add(std::int64_t count, const float* x, ExponentialSum<float>& to) {
    add_all(count, x, to);
}
void add(std::int64_t count, const double* x, ExponentialSum<double>& to) { add_all(count, x, to); }

}  // namespace headroom
