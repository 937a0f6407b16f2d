#include "kernels/cuda_table.h"
#include "kernels/device/refuse.h"
#include "kernels/device/rows.cuh"
#include "kernels/dropout_mask.h"

namespace headroom {
namespace {

using namespace device;

/// c = scale * a + b
template <class A, class B>
struct ScaleAndAdd {
    Rows<const A> a;
    Rows<const B> b;
    Rows<A> c;
    float scale;
    template <int N>
    __device__ __forceinline__ void run(std::int64_t row, std::int64_t column) const {
        auto x = load<N>(a.at(row, column));
        const auto y = load<N>(b.at(row, column));
#pragma unroll
        for (int i = 0; i < N; ++i) x[i] = fmaf(scale, x[i], y[i]);
        store<N>(c.at(row, column), x);
    }
};

void scale_and_add(double scale, const Launch& launch) {
    const TensorView& a = launch.in[0];
    const TensorView& b = launch.in[1];
    const TensorView& c = launch.out[0];
    with_float(a.dtype, [&]<class A>(A) {
        with_float(b.dtype, [&]<class B>(B) {
            for_each<A>(launch, {&a, &b, &c},
                        ScaleAndAdd<A, B>{rows_of<const A>(a), rows_of<const B>(b), rows_of<A>(c),
                                          static_cast<float>(scale)});
        });
    });
}

void add_cuda(const Add& op, const Launch& launch) { scale_and_add(op.scale, launch); }
void accumulate_cuda(const Accumulate&, const Launch& launch) { scale_and_add(1.0, launch); }

/// y = x * keep / (1 - rate), and the mask of what is kept. Four elements share random words, so a
/// thread that has N of them draws N / 4 times.
template <class T>
struct DropElements {
    Rows<const T> x;
    Rows<T> y;
    Rows<std::uint8_t> mask;
    const StepScalars* scalars;
    std::int64_t columns;  ///< of a row, for the index of an element
    std::int64_t site;
    std::uint64_t threshold;
    float scale;
    std::int32_t layer;
    template <int N>
    __device__ __forceinline__ void run(std::int64_t row, std::int64_t column) const {
        const RandomKey key = random_key(*scalars, layer, site);
        const auto first = static_cast<std::uint64_t>(row * columns + column);
        auto value = load<N>(x.at(row, column));
        Vec<std::uint8_t, N> kept;
        RandomWords words = random_words(key, first / 4);
#pragma unroll
        for (int i = 0; i < N; ++i) {
            const std::uint64_t index = first + static_cast<std::uint64_t>(i);
            if (i > 0 && index % 4 == 0) words = random_words(key, index / 4);
            const bool keep = keeps(words, index, threshold);
            kept[i] = keep ? 1 : 0;
            value[i] = keep ? value[i] * scale : 0.0F;
        }
        store<N>(y.at(row, column), value);
        store_vec<N>(mask.at(row, column), kept);
    }
};

void dropout_cuda(const Dropout& op, const Launch& launch) {
    const TensorView& x = launch.in[0];
    const TensorView& y = launch.out[0];
    const TensorView& mask = launch.out[1];
    with_float(x.dtype, [&]<class T>(T) {
        for_each<T>(launch, {&x, &y, &mask},
                    DropElements<T>{.x = rows_of<const T>(x),
                                    .y = rows_of<T>(y),
                                    .mask = rows_of<std::uint8_t>(mask),
                                    .scalars = launch.scalars,
                                    .columns = x.columns(),
                                    .site = op.site,
                                    .threshold = dropout_threshold(op.rate),
                                    .scale = static_cast<float>(1.0 / (1.0 - op.rate)),
                                    .layer = launch.layer});
    });
}

/// dx = dy * keep / (1 - rate)
template <class T>
struct DropGradients {
    Rows<const T> dy;
    Rows<const std::uint8_t> mask;
    Rows<T> dx;
    float scale;
    template <int N>
    __device__ __forceinline__ void run(std::int64_t row, std::int64_t column) const {
        auto value = load<N>(dy.at(row, column));
        const auto kept = load_vec<N>(mask.at(row, column));
#pragma unroll
        for (int i = 0; i < N; ++i) value[i] = kept[i] != 0 ? value[i] * scale : 0.0F;
        store<N>(dx.at(row, column), value);
    }
};

void dropout_grad_cuda(const DropoutGrad& op, const Launch& launch) {
    const TensorView& dy = launch.in[0];
    const TensorView& mask = launch.in[1];
    const TensorView& dx = launch.out[0];
    with_float(dy.dtype, [&]<class T>(T) {
        for_each<T>(launch, {&dy, &mask, &dx},
                    DropGradients<T>{rows_of<const T>(dy), rows_of<const std::uint8_t>(mask),
                                     rows_of<T>(dx), static_cast<float>(1.0 / (1.0 - op.rate))});
    });
}

/// y = x in another dtype
template <class From, class To>
struct CastElements {
    Rows<const From> x;
    Rows<To> y;
    template <int N>
    __device__ __forceinline__ void run(std::int64_t row, std::int64_t column) const {
        store<N>(y.at(row, column), load<N>(x.at(row, column)));
    }
};

void cast_cuda(const Cast&, const Launch& launch) {
    const TensorView& x = launch.in[0];
    const TensorView& y = launch.out[0];
    with_float(x.dtype, [&]<class From>(From) {
        with_float(y.dtype, [&]<class To>(To) {
            for_each<From>(launch, {&x, &y},
                           CastElements<From, To>{rows_of<const From>(x), rows_of<To>(y)});
        });
    });
}

}  // namespace

void add_elementwise_cuda_rows(KernelTable& table) {
    set_row<add_cuda>(table, refuse_f64);
    set_row<accumulate_cuda>(table, refuse_f64);
    set_row<dropout_cuda>(table, refuse_f64);
    set_row<dropout_grad_cuda>(table, refuse_f64);
    set_row<cast_cuda>(table, refuse_f64);
}

}  // namespace headroom
