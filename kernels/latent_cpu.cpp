#include <algorithm>

#include "kernels/cpu/dispatch.h"
#include "kernels/cpu/elements.h"
#include "kernels/cpu/runs.h"
#include "kernels/cpu_table.h"

namespace headroom {
namespace {

/// (kv (N, heads * (nope + v)), k_rope (N, rope)) -> (k (N, heads * (nope + rope)), v)
void latent_kv_cpu(const LatentKv& op, const Launch& launch) {
    const TensorView& kv = launch.in[0];
    const std::int64_t rope = launch.in[1].columns();
    const std::int64_t heads = kv.columns() / (op.nope + op.v_dim);
    with_float(kv.dtype, [&]<class T>(T) {
#pragma omp parallel for schedule(static) if (kv.count() >= kParallelElements)
        for (std::int64_t n = 0; n < kv.rows(); ++n) {
            const T* in = row<T>(kv, n);
            const T* turned = row<T>(launch.in[1], n);
            T* k = row<T>(launch.out[0], n);
            T* v = row<T>(launch.out[1], n);
            for (std::int64_t head = 0; head < heads; ++head) {
                k = std::copy_n(in, op.nope, k);
                k = std::copy_n(turned, rope, k);
                v = std::copy_n(in + op.nope, op.v_dim, v);
                in += op.nope + op.v_dim;
            }
        }
    });
}

/// (dk, dv) -> (dkv, dk_rope (N, rope)), summed over the heads in order
void latent_kv_grad_cpu(const LatentKvGrad& op, const Launch& launch) {
    const TensorView& dk = launch.in[0];
    const TensorView& dv = launch.in[1];
    const std::int64_t heads = dv.columns() / op.v_dim;
    const std::int64_t width = op.nope + op.rope;
    with_float(dk.dtype, [&]<class T>(T) {
#pragma omp parallel for schedule(static) if (dk.count() >= kParallelElements)
        for (std::int64_t n = 0; n < dk.rows(); ++n) {
            const T* k = row<T>(dk, n);
            const T* v = row<T>(dv, n);
            T* kv = row<T>(launch.out[0], n);
            for (std::int64_t head = 0; head < heads; ++head) {
                kv = std::copy_n(k + head * width, op.nope, kv);
                kv = std::copy_n(v + head * op.v_dim, op.v_dim, kv);
            }
            T* turned = row<T>(launch.out[1], n);
            for (std::int64_t j = 0; j < op.rope; ++j) {
                Compute<T> sum{};
                for (std::int64_t head = 0; head < heads; ++head) {
                    sum += load(k[head * width + op.nope + j]);
                }
                turned[j] = store<T>(sum);
            }
        }
    });
    count_vector(launch, dk.rows() * heads * op.rope);
}

}  // namespace

void add_latent_rows(KernelTable& table) {
    set_row<latent_kv_cpu>(table);
    set_row<latent_kv_grad_cpu>(table);
}

}  // namespace headroom
