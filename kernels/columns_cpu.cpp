#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "kernels/cpu/columns.h"
#include "kernels/cpu/dispatch.h"
#include "kernels/cpu/elements.h"
#include "kernels/cpu/runs.h"

namespace headroom {
namespace {

/// Copies `from` into the columns of `to` that begin at `column`; both have the same rows.
void copy_block(const TensorView& from, const TensorView& to, std::int64_t column) {
    const auto bytes = [&](std::int64_t elements) { return bytes_of(elements, to.dtype); };
    const auto width = static_cast<std::size_t>(bytes(from.columns()));
#pragma omp parallel for schedule(static) if (from.count() >= kParallelElements)
    for (std::int64_t i = 0; i < from.rows(); ++i) {
        std::memcpy(to.data + bytes(i * to.stride + column), from.data + bytes(i * from.stride),
                    width);
    }
}

/// dx and dscale of up to 64 columns; rows are summed in order.
template <class T, class S>
void scale_block_grad(const Launch& launch, std::int64_t first, std::int64_t width) {
    std::array<double, 64> sum{};
    const S* scale = launch.in[1].as<S>() + first;
    for (std::int64_t i = 0; i < launch.in[0].rows(); ++i) {
        const T* x = row<T>(launch.in[0], i) + first;
        const T* dy = row<T>(launch.in[2], i) + first;
        T* dx = row<T>(launch.out[0], i) + first;
        for (std::int64_t j = 0; j < width; ++j) {
            const auto gradient = load(dy[j]);
            sum[static_cast<std::size_t>(j)] += static_cast<double>(load(x[j]) * gradient);
            dx[j] = store<T>(gradient * load(scale[j]));
        }
    }
    with_float(launch.out[1].dtype, [&]<class D>(D) {
        D* out = launch.out[1].as<D>() + first;
        for (std::int64_t j = 0; j < width; ++j) {
            out[j] = store<D>(sum[static_cast<std::size_t>(j)]);
        }
    });
}

template <class C>
C sigmoid(C x) {
    return C{1} / (C{1} + std::exp(-x));
}

}  // namespace

void split_columns_cpu(const SplitColumns&, const Launch&) {}

void join_columns_cpu(const JoinColumns&, const Launch& launch) {
    std::int64_t column = 0;
    for (const auto& block : launch.in) {
        copy_block(block, launch.out[0], column);
        column += block.columns();
    }
}

void scale_columns_cpu(const ScaleColumns&, const Launch& launch) {
    const TensorView& x = launch.in[0];
    const TensorView& y = launch.out[0];
    with_float(x.dtype, [&]<class T>(T) {
        with_float(launch.in[1].dtype, [&]<class S>(S) {
            const S* scale = launch.in[1].as<S>();
            const T* bias = launch.in.size() > 2 ? launch.in[2].as<T>() : nullptr;
            for_each_run({x.rows(), x.columns()}, [&](const Run& run) {
                const T* in = at<T>(x, run);
                T* out = at<T>(y, run);
                for (std::int64_t j = 0; j < run.count; ++j) {
                    auto value = load(in[j]) * load(scale[run.column + j]);
                    if (bias != nullptr) value += load(bias[run.column + j]);
                    out[j] = store<T>(value);
                }
            });
        });
    });
    count_vector(launch, y.count());
}

void scale_columns_grad_cpu(const ScaleColumnsGrad&, const Launch& launch) {
    const std::int64_t columns = launch.in[0].columns();
    with_float(launch.in[0].dtype, [&]<class T>(T) {
        with_float(launch.in[1].dtype, [&]<class S>(S) {
#pragma omp parallel for schedule(static) if (launch.in[0].count() >= kParallelElements)
            for (std::int64_t first = 0; first < columns; first += 64) {
                scale_block_grad<T, S>(launch, first, std::min<std::int64_t>(64, columns - first));
            }
        });
    });
    count_vector(launch, 3 * launch.in[0].count());
}

void gate_rows_cpu(const GateRows&, const Launch& launch) {
    const TensorView& x = launch.in[0];
    const TensorView& gate = launch.in[1];
    const TensorView& y = launch.out[0];
    with_float(x.dtype, [&]<class T>(T) {
#pragma omp parallel for schedule(static) if (x.count() >= kParallelElements)
        for (std::int64_t i = 0; i < x.rows(); ++i) {
            const auto open = sigmoid(load(*row<T>(gate, i)));
            const T* in = row<T>(x, i);
            T* out = row<T>(y, i);
            for (std::int64_t j = 0; j < x.columns(); ++j) out[j] = store<T>(open * load(in[j]));
        }
    });
    count_vector(launch, y.count());
}

void gate_rows_grad_cpu(const GateRowsGrad&, const Launch& launch) {
    const TensorView& x = launch.in[0];
    with_float(x.dtype, [&]<class T>(T) {
#pragma omp parallel for schedule(static) if (x.count() >= kParallelElements)
        for (std::int64_t i = 0; i < x.rows(); ++i) {
            const double open = sigmoid(static_cast<double>(load(*row<T>(launch.in[1], i))));
            const T* in = row<T>(x, i);
            const T* dy = row<T>(launch.in[2], i);
            T* dx = row<T>(launch.out[0], i);
            double sum = 0.0;
            for (std::int64_t j = 0; j < x.columns(); ++j) {
                const auto gradient = load(dy[j]);
                sum += static_cast<double>(load(in[j]) * gradient);
                dx[j] = store<T>(static_cast<Compute<T>>(open) * gradient);
            }
            *row<T>(launch.out[1], i) = store<T>(open * (1.0 - open) * sum);
        }
    });
    count_vector(launch, 3 * x.count());
}

void pool_rows_cpu(const PoolRows& op, const Launch& launch) {
    TensorView first = launch.in[0];
    first.shape = launch.out[0].shape;
    first.stride *= op.sequence;
    copy_block(first, launch.out[0], 0);
}

}  // namespace headroom
