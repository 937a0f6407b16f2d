#include "kernels/cuda_table.h"
#include "kernels/device/refuse.h"
#include "kernels/device/rows.cuh"
#include "planner/step/op/latent.h"

namespace headroom {
namespace {

using namespace device;

/// Columns of a head's parts.
struct Parts {
    std::int64_t nope = 0;
    std::int64_t rope = 0;
    std::int64_t v = 0;
    Divisor by_key{};    ///< divides by nope + rope
    Divisor by_value{};  ///< by v
    Divisor by_both{};   ///< by nope + v
    Parts(std::int64_t nope_columns, std::int64_t rope_columns, std::int64_t v_columns)
        : nope(nope_columns),
          rope(rope_columns),
          v(v_columns),
          by_key(nope + rope),
          by_value(v),
          by_both(nope + v) {}
    Parts() = default;
    [[nodiscard]] bool divides(int n) const { return nope % n == 0 && rope % n == 0 && v % n == 0; }
};

template <class T>
struct LatentArguments {
    Parts parts{};
    Rows<T> kv{};    ///< heads * (nope + v)
    Rows<T> rope{};  ///< shared by the heads
    Rows<T> k{};     ///< heads * (nope + rope)
    Rows<T> v{};     ///< heads * v
    std::int64_t heads = 0;
};

/// Walks k's columns, then v's.
template <class T>
struct SpreadLatent {
    LatentArguments<T> of{};
    template <int N>
    __device__ __forceinline__ void run(std::int64_t row, std::int64_t column) const {
        const Parts& p = of.parts;
        const std::int64_t keys = of.heads * (p.nope + p.rope);
        if (column >= keys) {
            const std::int64_t at = column - keys;
            const std::int64_t from =
                p.by_value.quotient(at) * (p.nope + p.v) + p.nope + p.by_value.remainder(at);
            store_vec<N>(of.v.at(row, at), load_vec<N>(of.kv.at(row, from)));
            return;
        }
        const std::int64_t head = p.by_key.quotient(column);
        const std::int64_t at = p.by_key.remainder(column);
        const T* const from =
            at < p.nope ? of.kv.at(row, head * (p.nope + p.v) + at) : of.rope.at(row, at - p.nope);
        store_vec<N>(of.k.at(row, column), load_vec<N>(from));
    }
};

/// Walks kv's columns, then rope's, which it sums over the heads in order.
template <class T>
struct GatherLatent {
    LatentArguments<T> of{};
    template <int N>
    __device__ __forceinline__ void run(std::int64_t row, std::int64_t column) const {
        const Parts& p = of.parts;
        const std::int64_t wide = of.heads * (p.nope + p.v);
        if (column >= wide) {
            Floats<N> sum;
#pragma unroll
            for (int i = 0; i < N; ++i) sum[i] = 0.0F;
            for (std::int64_t head = 0; head < of.heads; ++head) {
                const std::int64_t at = head * (p.nope + p.rope) + p.nope + column - wide;
                const auto term = load<N>(of.k.at(row, at));
#pragma unroll
                for (int i = 0; i < N; ++i) sum[i] += term[i];
            }
            store<N>(of.rope.at(row, column - wide), sum);
            return;
        }
        const std::int64_t head = p.by_both.quotient(column);
        const std::int64_t at = p.by_both.remainder(column);
        const T* const from = at < p.nope ? of.k.at(row, head * (p.nope + p.rope) + at)
                                          : of.v.at(row, head * p.v + at - p.nope);
        store_vec<N>(of.kv.at(row, column), load_vec<N>(from));
    }
};

template <class T, class Body>
void walk(const Launch& launch, const LatentArguments<T>& of, std::int64_t rows,
          std::int64_t columns) {
    const Columns all{rows, 0, columns};
    bool wide = of.parts.divides(kWide<T>);
    for (const auto views : {launch.in, launch.out}) {
        for (const auto& view : views) wide = wide && rows_aligned(kWide<T>, {&view});
    }
    if (wide) {
        launch_rows<kWide<T>>(launch, all, Body{of});
    } else {
        launch_rows<1>(launch, all, Body{of});
    }
}

void latent_kv_cuda(const LatentKv& op, const Launch& launch) {
    const TensorView& kv = launch.in[0];
    const std::int64_t heads = kv.columns() / (op.nope + op.v_dim);
    const Parts parts(op.nope, launch.in[1].columns(), op.v_dim);
    with_float(kv.dtype, [&]<class T>(T) {
        const LatentArguments<T> of{.parts = parts,
                                    .kv = rows_of<T>(kv),
                                    .rope = rows_of<T>(launch.in[1]),
                                    .k = rows_of<T>(launch.out[0]),
                                    .v = rows_of<T>(launch.out[1]),
                                    .heads = heads};
        walk<T, SpreadLatent<T>>(launch, of, kv.rows(),
                                 heads * (parts.nope + parts.rope + parts.v));
    });
}

void latent_kv_grad_cuda(const LatentKvGrad& op, const Launch& launch) {
    const TensorView& dk = launch.in[0];
    const std::int64_t heads = launch.in[1].columns() / op.v_dim;
    const Parts parts(op.nope, op.rope, op.v_dim);
    with_float(dk.dtype, [&]<class T>(T) {
        const LatentArguments<T> of{.parts = parts,
                                    .kv = rows_of<T>(launch.out[0]),
                                    .rope = rows_of<T>(launch.out[1]),
                                    .k = rows_of<T>(dk),
                                    .v = rows_of<T>(launch.in[1]),
                                    .heads = heads};
        walk<T, GatherLatent<T>>(launch, of, dk.rows(),
                                 heads * (parts.nope + parts.v) + parts.rope);
    });
}

}  // namespace

void add_latent_cuda_rows(KernelTable& table) {
    set_row<latent_kv_cuda>(table, refuse_f64);
    set_row<latent_kv_grad_cuda>(table, refuse_f64);
}

}  // namespace headroom
