#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "kernels/cpu/dispatch.h"
#include "kernels/cpu/elements.h"
#include "kernels/cpu/runs.h"
#include "kernels/cpu/slices.h"
#include "kernels/cpu/vector_math.h"
#include "kernels/cpu_table.h"

namespace headroom {
namespace {

constexpr std::int64_t kForwardFlops = 5;
constexpr std::int64_t kBackwardFlops = 12;

/// A vector of parameters of any dtype, plus `offset`, as R.
template <class R>
void read_parameter(const TensorView& from, double offset, R* to) {
    with_float(from.dtype, [&](auto zero) {
        const auto* values = from.as<decltype(zero)>();
        for (std::int64_t i = 0; i < from.count(); ++i) {
            to[i] = static_cast<R>(offset) + static_cast<R>(load(values[i]));
        }
    });
}

template <class R>
struct RowStats {
    R rstd{};
    R mean{};
};

/// y = (x - mean) * rstd * gain [+ shift] of one row or group; the same code with and without a
/// residual, so the same bits.
template <class T, class R>
[[gnu::noinline]] RowStats<R> normalise(const Norm& op, const T* x, std::int64_t count,
                                        const R* gain, const R* shift, T* y) {
    const auto inverse = R{1} / static_cast<R>(count);
    RowStats<R> stats;
    if (op.kind == NormKind::layer) {
        stats.mean = inverse * lane_sum<R>(count, [&](std::int64_t i) { return load(x[i]); });
    }
    const R mean = stats.mean;
    const R squares = lane_sum<R>(count, [&](std::int64_t i) {
        const R distance = load(x[i]) - mean;
        return distance * distance;
    });
    stats.rstd = R{1} / std::sqrt(squares * inverse + static_cast<R>(op.eps));
    for (std::int64_t i = 0; i < count; ++i) {
        const R value = (load(x[i]) - mean) * stats.rstd * gain[i];
        y[i] = store<T>(shift == nullptr ? value : value + shift[i]);
    }
    return stats;
}

/// The forward pass over views of T.
template <class T>
class Forward {
public:
    using R = Compute<T>;

    Forward(const Norm& op, const Launch& launch)
        : op_(op),
          launch_(launch),
          first_(op.residual ? 1 : 0),
          x_(op.residual ? launch.out[0] : launch.in[0]),
          width_(op.group > 0 ? op.group : x_.columns()) {}

    void run() const {
        Slices slices(launch_);
        R* gain = slices.take<R>(width_);
        read_parameter(launch_.in[first_ + 1], op_.gain_offset, gain);
        R* shift = op_.bias ? slices.take<R>(width_) : nullptr;
        if (op_.bias) read_parameter(launch_.in[first_ + 2], 0.0, shift);
#pragma omp parallel for schedule(static) if (x_.count() >= kParallelElements)
        for (std::int64_t n = 0; n < x_.rows(); ++n) {
            if (op_.residual) add_branch(n);
            run_row(n, gain, shift);
        }
        count_vector(launch_, kForwardFlops * x_.count());
    }

private:
    /// The sum is normalised as it is stored, so that a re-run from it has the same bits.
    void add_branch(std::int64_t n) const {
        const auto scale = static_cast<R>(op_.branch_scale);
        const T* branch = row<T>(launch_.in[0], n);
        const T* stream = row<T>(launch_.in[1], n);
        T* sum = row<T>(x_, n);
        for (std::int64_t i = 0; i < x_.columns(); ++i) {
            sum[i] = store<T>(scale * load(branch[i]) + load(stream[i]));
        }
    }

    void run_row(std::int64_t n, const R* gain, const R* shift) const {
        const std::int64_t groups = x_.columns() / width_;
        for (std::int64_t g = 0; g < groups; ++g) {
            const std::int64_t at = g * width_;
            const auto stats = normalise<T, R>(op_, row<T>(x_, n) + at, width_, gain, shift,
                                               row<T>(launch_.out[first_], n) + at);
            launch_.out[first_ + 1].template as<R>()[n * groups + g] = stats.rstd;
            if (op_.kind != NormKind::layer) continue;
            launch_.out[first_ + 2].template as<R>()[n * groups + g] = stats.mean;
        }
    }

    const Norm& op_;
    const Launch& launch_;
    std::size_t first_;  ///< operands that the residual brings
    const TensorView& x_;
    std::int64_t width_;
};

/// The backward pass over views of T.
template <class T>
class Backward {
public:
    using R = Compute<T>;

    Backward(const NormGrad& op, const Launch& launch)
        : op_(op),
          launch_(launch),
          width_(op.group > 0 ? op.group : launch.in[0].columns()),
          layer_(op.kind == NormKind::layer) {}

    void run() const {
        const std::int64_t rows = launch_.in[0].rows();
        R* gain = Slices(launch_).take<R>(width_);
        read_parameter(launch_.in[2], op_.gain_offset, gain);
#pragma omp parallel for schedule(static) if (launch_.in[0].count() >= kParallelElements)
        for (std::int64_t block = 0; block < kNormPartials; ++block) {
            R* partial = op_.parameters ? row<R>(launch_.out[1], block) : nullptr;
            if (op_.parameters) std::fill_n(partial, launch_.out[1].columns(), R{0});
            const std::int64_t end = rows * (block + 1) / kNormPartials;
            for (std::int64_t n = rows * block / kNormPartials; n < end; ++n) {
                run_row(n, gain, partial);
            }
        }
        if (op_.parameters) {
            reduce(0, launch_.out[2]);
            if (op_.bias) reduce(width_, launch_.out[3]);
        }
        count_vector(launch_, kBackwardFlops * launch_.in[0].count());
    }

private:
    void run_row(std::int64_t n, const R* gain, R* partial) const {
        const std::int64_t groups = launch_.in[0].columns() / width_;
        for (std::int64_t g = 0; g < groups; ++g) {
            const std::int64_t at = g * width_;
            const RowStats<R> stats{
                .rstd = launch_.in[3].template as<R>()[n * groups + g],
                .mean = layer_ ? launch_.in[4].template as<R>()[n * groups + g] : R{0}};
            const T* dy = row<T>(launch_.in[0], n) + at;
            const T* x = row<T>(launch_.in[1], n) + at;
            if (partial != nullptr) add_parameters(dy, x, stats, partial);
            const T* dsum = op_.with_sum ? row<T>(launch_.in[layer_ ? 5 : 4], n) + at : nullptr;
            input_gradient(dy, x, stats, gain, dsum, row<T>(launch_.out[0], n) + at);
        }
    }

    void add_parameters(const T* dy, const T* x, const RowStats<R>& stats, R* partial) const {
        for (std::int64_t i = 0; i < width_; ++i) {
            partial[i] += load(dy[i]) * ((load(x[i]) - stats.mean) * stats.rstd);
        }
        if (!op_.bias) return;
        for (std::int64_t i = 0; i < width_; ++i) partial[width_ + i] += load(dy[i]);
    }

    /// dx may lie over dy or dsum: an element is read before it is written.
    void input_gradient(const T* dy, const T* x, const RowStats<R>& stats, const R* gain,
                        const T* dsum, T* dx) const {
        const auto inverse = R{1} / static_cast<R>(width_);
        const auto along =
            inverse * lane_sum<R>(width_, [&](std::int64_t i) {
                return load(dy[i]) * gain[i] * ((load(x[i]) - stats.mean) * stats.rstd);
            });
        const R mean =
            layer_ ? inverse *
                         lane_sum<R>(width_, [&](std::int64_t i) { return load(dy[i]) * gain[i]; })
                   : R{0};
        for (std::int64_t i = 0; i < width_; ++i) {
            const R unit = (load(x[i]) - stats.mean) * stats.rstd;
            const R value = stats.rstd * (load(dy[i]) * gain[i] - mean - unit * along);
            dx[i] = store<T>(dsum == nullptr ? value : load(dsum[i]) + value);
        }
    }

    /// The blocks' sums from `first` on, in order, into a parameter's gradient.
    void reduce(std::int64_t first, const TensorView& gradient) const {
        const bool added = adds(op_.accumulation, launch_);
        with_float(gradient.dtype, [&](auto zero) {
            using G = decltype(zero);
            G* to = gradient.as<G>();
#pragma omp parallel for schedule(static) if (width_ * kNormPartials >= kParallelElements)
            for (std::int64_t i = 0; i < width_; ++i) {
                R sum{0};
                for (std::int64_t block = 0; block < kNormPartials; ++block) {
                    sum += row<R>(launch_.out[1], block)[first + i];
                }
                to[i] = store<G>(added ? static_cast<R>(load(to[i])) + sum : sum);
            }
        });
    }

    const NormGrad& op_;
    const Launch& launch_;
    std::int64_t width_;
    bool layer_;
};

/// ([branch,] x, gamma [, beta]) -> ([sum,] y, rstd [, mean])
void norm_cpu(const Norm& op, const Launch& launch) {
    with_float(launch.in[0].dtype, [&](auto zero) { Forward<decltype(zero)>(op, launch).run(); });
}

/// (dy, x, gamma, rstd [, mean][, dsum]) -> (dx [, partials, dgamma [, dbeta]])
void norm_grad_cpu(const NormGrad& op, const Launch& launch) {
    with_float(launch.in[0].dtype, [&](auto zero) { Backward<decltype(zero)>(op, launch).run(); });
}

}  // namespace

void add_norm_rows(KernelTable& table) {
    set_row<norm_cpu>(table);
    set_row<norm_grad_cpu>(table);
}

}  // namespace headroom
