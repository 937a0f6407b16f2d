#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "kernels/cpu/elements.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/runs.h"
#include "kernels/cpu/vector_math.h"
#include "kernels/launch.h"

namespace headroom {

/// Logits of a row that are worked on at once; a vocabulary does not fit on the stack.
inline constexpr std::int64_t kLogitBlock = 512;
/// What happens to logits before the softmax: z -> cap * tanh(scale * z / cap), or scale * z
/// without a cap.
template <class R>
struct Shaping {
    R scale{};
    R cap{};

    template <class Op>
    static Shaping of(const Op& op) {
        return {static_cast<R>(op.scale), static_cast<R>(op.softcap)};
    }
};

void shape(std::int64_t count, const Shaping<float>& shaping, float* z);
void shape(std::int64_t count, const Shaping<double>& shaping, double* z);

/// A sum of exponentials so far, each less the largest exponent so far.
template <class R>
struct ExponentialSum {
    R largest = -std::numeric_limits<R>::infinity();
    double sum = 0.0;
};

void add(std::int64_t count, const float* x, ExponentialSum<float>& to);
void add(std::int64_t count, const double* x, ExponentialSum<double>& to);

template <class R>
[[gnu::always_inline]] inline R largest_of(std::int64_t count, const R* x, R largest) {
    constexpr std::int64_t kLanes = 16;
    std::array<R, kLanes> best{};
    best.fill(largest);
    std::int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes) {
        for (std::size_t k = 0; k < best.size(); ++k)
            best[k] = std::max(best[k], x[i + static_cast<std::int64_t>(k)]);
    }
    for (; i < count; ++i) best[0] = std::max(best[0], x[i]);
    return *std::ranges::max_element(best);
}

/// A row of logits. Target < 0: the token is left out; beyond the row: it is in another shard of
/// the vocabulary.
template <class T>
struct Row {
    T* logits = nullptr;
    std::int64_t columns = 0;
    std::int64_t target = -1;
    Shaping<Compute<T>> shaping{};

    /// Shaped logits from `first` on.
    void read(std::int64_t first, std::int64_t count, Compute<T>* to) const {
        load_run(logits + first, count, to);
        shape(count, shaping, to);
    }
    [[nodiscard]] bool has_target() const { return target >= 0 && target < columns; }
};

template <class T>
Row<T> row_of(const MatrixView& logits, const std::int32_t* targets, std::int64_t r,
              const Shaping<Compute<T>>& shaping) {
    return {reinterpret_cast<T*>(logits.data) + r * logits.stride, logits.columns, targets[r],
            shaping};
}

}  // namespace headroom
