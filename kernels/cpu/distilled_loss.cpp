#include "kernels/cpu/distilled_loss.h"

#include "kernels/cpu/clones.h"
#include "kernels/cpu/vector_math.h"

namespace headroom {
namespace {

template <class R>
[[gnu::always_inline]] inline void add_gap(std::int64_t count, const R* z, const R* u,
                                           DistilledSums<R>& to) {
    const R largest = largest_of(count, u, to.shown.largest);
    if (largest > to.shown.largest) {
        const double shrink =
            std::exp(static_cast<double>(to.shown.largest) - static_cast<double>(largest));
        to.shown.sum *= shrink;
        to.gap *= shrink;
        to.shown.largest = largest;
    }
    if (largest == -std::numeric_limits<R>::infinity()) return;  // nothing but -inf so far
    to.shown.sum += static_cast<double>(
        lane_sum<R>(count, [&](std::int64_t i) { return exponential(u[i] - largest); }));
    to.gap += static_cast<double>(lane_sum<R>(count, [&](std::int64_t i) {
        const R part = exponential(u[i] - largest);
        return part > R{0} ? part * (u[i] - z[i]) : R{0};
    }));
}

template <class R>
[[gnu::always_inline]] inline void divide(std::int64_t count, R by, R* x) {
    for (std::int64_t i = 0; i < count; ++i) x[i] /= by;
}

template <class R>
[[gnu::always_inline]] inline void differentiate_all(std::int64_t count,
                                                     const DistilledSlope<R>& slope, R hit,
                                                     const R* u, R* z) {
    const R by = slope.temperature;
    for (std::int64_t i = 0; i < count; ++i) {
        const R hard = exponential(z[i] - slope.hard_lse) - hit;
        const R soft =
            exponential(z[i] / by - slope.soft_lse) - exponential(u[i] / by - slope.shown_lse);
        const R part = slope.cap > R{0} ? z[i] / slope.cap : R{0};
        z[i] = (slope.hard * hard + slope.soft * soft) * (R{1} - part * part);
    }
}

HEADROOM_CLONES void divide_both(std::int64_t count, float by, float* z, float* u) {
    divide(count, by, z);
    divide(count, by, u);
}
void divide_both(std::int64_t count, double by, double* z, double* u) {
    divide(count, by, z);
    divide(count, by, u);
}

HEADROOM_CLONES void add_gaps(std::int64_t count, const float* z, const float* u,
                              DistilledSums<float>& to) {
    add_gap(count, z, u, to);
}
void add_gaps(std::int64_t count, const double* z, const double* u, DistilledSums<double>& to) {
    add_gap(count, z, u, to);
}

template <class R>
void add_to(std::int64_t count, R temperature, R* z, R* u, DistilledSums<R>& to) {
    add(count, z, to.hard);
    divide_both(count, temperature, z, u);
    add(count, z, to.soft);
    add_gaps(count, z, u, to);
}

}  // namespace

void add(std::int64_t count, float temperature, float* z, float* u, DistilledSums<float>& to) {
    add_to(count, temperature, z, u, to);
}
void add(std::int64_t count, double temperature, double* z, double* u, DistilledSums<double>& to) {
    add_to(count, temperature, z, u, to);
}

HEADROOM_CLONES void differentiate(std::int64_t count, const DistilledSlope<float>& slope,
                                   float hit, const float* u, float* z) {
    differentiate_all(count, slope, hit, u, z);
}
void differentiate(std::int64_t count, const DistilledSlope<double>& slope, double hit,
                   const double* u, double* z) {
    differentiate_all(count, slope, hit, u, z);
}

}  // namespace headroom
