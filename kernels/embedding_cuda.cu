#include "kernels/cuda_table.h"
#include "kernels/device/refuse.h"
#include "kernels/device/rows.cuh"
#include "planner/step/op/embedding.h"

namespace headroom {
namespace {

using namespace device;

/// A table's rows by id; ids outside give no row.
template <class T>
struct Lookup {
    const std::int32_t* ids = nullptr;
    Rows<const T> table{};
    std::int64_t rows = 0;
    template <int N>
    __device__ __forceinline__ Floats<N> get(std::int64_t token, std::int64_t column) const {
        const std::int32_t id = ids[token];
        if (id >= 0 && id < rows) return load<N>(table.at(id, column));
        Floats<N> zero;
#pragma unroll
        for (int i = 0; i < N; ++i) zero[i] = 0.0F;
        return zero;
    }
};
template <class T>
Lookup<T> lookup_in(const TensorView& ids, const TensorView& table) {
    return {ids.as<const std::int32_t>(), rows_of<const T>(table), table.rows()};
}

/// x = scale * table[ids]
template <class T>
struct EmbedTokens {
    Lookup<T> table{};
    Rows<T> x{};
    float scale = 1.0F;
    template <int N>
    __device__ __forceinline__ void run(std::int64_t row, std::int64_t column) const {
        auto value = table.template get<N>(row, column);
#pragma unroll
        for (int i = 0; i < N; ++i) value[i] *= scale;
        store<N>(x.at(row, column), value);
    }
};

void embedding_cuda(const Embedding& op, const Launch& launch) {
    const TensorView& table = launch.in[1];
    const TensorView& x = launch.out[0];
    const Columns all{x.rows(), 0, x.columns()};
    with_float(table.dtype, [&]<class T>(T) {
        const EmbedTokens<T> body{lookup_in<T>(launch.in[0], table), rows_of<T>(x),
                                  static_cast<float>(op.scale)};
        with_width<T>({&x, &table},
                      [&](auto n) { launch_rows<decltype(n)::value>(launch, all, body); });
    });
}

/// x += table[ids]
template <class T, class W>
struct AddTokens {
    Rows<const T> before{};
    Lookup<W> table{};
    Rows<T> x{};
    template <int N>
    __device__ __forceinline__ void run(std::int64_t row, std::int64_t column) const {
        auto value = load<N>(before.at(row, column));
        const auto added = table.template get<N>(row, column);
#pragma unroll
        for (int i = 0; i < N; ++i) value[i] += added[i];
        store<N>(x.at(row, column), value);
    }
};

void add_embedding_cuda(const AddEmbedding&, const Launch& launch) {
    const TensorView& before = launch.in[0];
    const TensorView& table = launch.in[2];
    const TensorView& x = launch.out[0];
    const Columns all{x.rows(), 0, x.columns()};
    with_float(x.dtype, [&]<class T>(T) {
        with_float_or<T>(table.dtype, [&]<class W>(W) {
            const AddTokens<T, W> body{rows_of<const T>(before), lookup_in<W>(launch.in[1], table),
                                       rows_of<T>(x)};
            with_width<T>({&before, &x, &table},
                          [&](auto n) { launch_rows<decltype(n)::value>(launch, all, body); });
        });
    });
}

}  // namespace

void add_embedding_cuda_rows(KernelTable& table) {
    set_row<embedding_cuda>(table, refuse_f64);
    set_row<add_embedding_cuda>(table, refuse_f64);
}

}  // namespace headroom
