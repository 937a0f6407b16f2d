
#include "kernels/cpu/columns.h"
#include "kernels/cpu/dispatch.h"
#include "kernels/cpu/elements.h"
#include "kernels/cpu_table.h"
#include "kernels/dropout_mask.h"

namespace headroom {
namespace {

/// c = scale * a + b
void scale_and_add(double scale, const Launch& launch) {
    const TensorView& a = launch.in[0];
    const TensorView& b = launch.in[1];
    const TensorView& c = launch.out[0];
    with_float(a.dtype, [&]<class A>(A) {
        with_float(b.dtype, [&]<class B>(B) {
            const auto factor = static_cast<Compute<A>>(scale);
            for_each_run(grid(a, b, c), [&](const Run& run) {
                const A* first = at<A>(a, run);
                const B* second = at<B>(b, run);
                A* sum = at<A>(c, run);
                for (std::int64_t i = 0; i < run.count; ++i) {
                    sum[i] = store<A>(factor * load(first[i]) + load(second[i]));
                }
            });
        });
    });
    count_vector(launch, c.count());
}

/// c = a + b
void add_cpu(const Add& op, const Launch& launch) { scale_and_add(op.scale, launch); }

/// sum += addend
void accumulate_cpu(const Accumulate&, const Launch& launch) { scale_and_add(1.0, launch); }

/// y = x * keep / (1 - rate), and the mask of what is kept
void dropout_cpu(const Dropout& op, const Launch& launch) {
    const TensorView& x = launch.in[0];
    const TensorView& y = launch.out[0];
    const TensorView& mask = launch.out[1];
    const RandomKey key = random_key(*launch.scalars, launch.layer, op.site);
    const std::uint64_t threshold = dropout_threshold(op.rate);
    with_float(x.dtype, [&]<class T>(T) {
        const auto scale = static_cast<Compute<T>>(1.0 / (1.0 - op.rate));
        for_each_run(grid(x, y, mask), [&](const Run& run) {
            const T* in = at<T>(x, run);
            T* out = at<T>(y, run);
            std::uint8_t* kept = at<std::uint8_t>(mask, run);
            const auto first = static_cast<std::uint64_t>(run.row * x.columns() + run.column);
            RandomWords words{};
            for (std::int64_t i = 0; i < run.count; ++i) {
                const std::uint64_t index = first + static_cast<std::uint64_t>(i);
                if (i == 0 || index % 4 == 0) words = random_words(key, index / 4);
                const bool keep = keeps(words, index, threshold);
                kept[i] = keep ? 1 : 0;
                out[i] = keep ? store<T>(load(in[i]) * scale) : T{};
            }
        });
    });
    count_vector(launch, 2 * y.count());
}

/// dx = dy * keep / (1 - rate)
void dropout_grad_cpu(const DropoutGrad& op, const Launch& launch) {
    const TensorView& dy = launch.in[0];
    const TensorView& mask = launch.in[1];
    const TensorView& dx = launch.out[0];
    with_float(dy.dtype, [&]<class T>(T) {
        const auto scale = static_cast<Compute<T>>(1.0 / (1.0 - op.rate));
        for_each_run(grid(dy, mask, dx), [&](const Run& run) {
            const T* in = at<T>(dy, run);
            const std::uint8_t* kept = at<std::uint8_t>(mask, run);
            T* out = at<T>(dx, run);
            for (std::int64_t i = 0; i < run.count; ++i) {
                out[i] = kept[i] != 0 ? store<T>(load(in[i]) * scale) : T{};
            }
        });
    });
    count_vector(launch, 2 * dx.count());
}

/// x in another dtype
void cast_cpu(const Cast&, const Launch& launch) {
    const TensorView& x = launch.in[0];
    const TensorView& y = launch.out[0];
    with_float(x.dtype, [&]<class From>(From) {
        with_float(y.dtype, [&]<class To>(To) {
            for_each_run(grid(x, y), [&](const Run& run) {
                const From* in = at<From>(x, run);
                To* out = at<To>(y, run);
                for (std::int64_t i = 0; i < run.count; ++i) out[i] = store<To>(load(in[i]));
            });
        });
    });
    count_vector(launch, y.count());
}

}  // namespace

void add_elementwise_rows(KernelTable& table) {
    set_row<add_cpu>(table);
    set_row<accumulate_cpu>(table);
    set_row<dropout_cpu>(table);
    set_row<dropout_grad_cpu>(table);
    set_row<cast_cpu>(table);
    set_row<split_columns_cpu>(table);
    set_row<join_columns_cpu>(table);
    set_row<scale_columns_cpu>(table);
    set_row<scale_columns_grad_cpu>(table);
    set_row<gate_rows_cpu>(table);
    set_row<gate_rows_grad_cpu>(table);
    set_row<pool_rows_cpu>(table);
}

}  // namespace headroom
