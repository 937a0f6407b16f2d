#include <cmath>
#include <cstdint>

#include "kernels/cpu/dispatch.h"
#include "kernels/cpu/elements.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/runs.h"
#include "kernels/cpu/vector_math.h"
#include "kernels/cpu_table.h"

namespace headroom {
namespace {

/// Of one row; summed in double.
template <class T>
double norm(const T* row, std::int64_t columns) {
    return std::sqrt(lane_sum<double>(columns, [&](std::int64_t i) {
        const auto value = static_cast<double>(load(row[i]));
        return value * value;
    }));
}

/// A row of zeros is not scaled, whatever its magnitude.
template <class T, class M, class S>
void divide_magnitudes(const TensorView& merged, const TensorView& magnitude,
                       const TensorView& scale) {
    const std::int64_t rows = merged.rows();
#pragma omp parallel for schedule(static) if (merged.count() >= kParallelElements)
    for (std::int64_t r = 0; r < rows; ++r) {
        const double length = norm(row<T>(merged, r), merged.columns());
        const auto wanted = static_cast<double>(load(magnitude.as<M>()[r]));
        scale.as<S>()[r] = static_cast<S>(length > 0.0 ? wanted / length : 0.0);
    }
}

/// merged = W + s * B * A; scale = magnitude / norm of each of its rows.
void dora_norm_cpu(const DoraNorm& op, const Launch& launch) {
    const TensorView& magnitude = launch.in[3];
    const TensorView& scale = launch.out[0];
    const TensorView& merged = launch.out[1];
    multiply({.a = {matrix(launch.in[2])},
              .b = {matrix(launch.in[1])},
              .plus = matrix(launch.in[0]),
              .scale = op.scale},
             matrix(merged), launch);
    with_float(merged.dtype, [&](auto t) {
        with_float(magnitude.dtype, [&](auto m) {
            if (scale.dtype == DType::f64) {
                divide_magnitudes<decltype(t), decltype(m), double>(merged, magnitude, scale);
            } else {
                divide_magnitudes<decltype(t), decltype(m), float>(merged, magnitude, scale);
            }
        });
    });
    count_vector(launch, 3 * merged.count());
}

/// dmagnitude = dscale / norm, the norm being magnitude / scale (a magnitude of zero has lost it).
template <class S, class M, class G>
void grad_magnitudes(const Launch& launch, bool add) {
    const S* dscale = launch.in[0].as<S>();
    const S* scale = launch.in[1].as<S>();
    const M* magnitude = launch.in[2].as<M>();
    G* gradient = launch.out[0].as<G>();
    for (std::int64_t i = 0; i < launch.out[0].count(); ++i) {
        const auto length = static_cast<S>(load(magnitude[i]));
        const S present = add ? static_cast<S>(load(gradient[i])) : S{0};
        const S share = length != 0 ? dscale[i] * scale[i] / length : S{0};
        gradient[i] = store<G>(present + share);
    }
}

void dora_grad_cpu(const DoraGrad& op, const Launch& launch) {
    const bool add = adds(op.accumulation, launch);
    with_float(launch.in[2].dtype, [&](auto m) {
        with_float(launch.out[0].dtype, [&](auto g) {
            if (launch.in[1].dtype == DType::f64) {
                grad_magnitudes<double, decltype(m), decltype(g)>(launch, add);
            } else {
                grad_magnitudes<float, decltype(m), decltype(g)>(launch, add);
            }
        });
    });
    count_vector(launch, 2 * launch.out[0].count());
}

}  // namespace

void add_dora_rows(KernelTable& table) {
    set_row<dora_norm_cpu>(table);
    set_row<dora_grad_cpu>(table);
}

}  // namespace headroom
