#include <cmath>
#include <string>

#include "kernels/cuda_table.h"
#include "kernels/device/attention_operands.cuh"
#include "kernels/device/attention_rows.h"
#include "kernels/device/bias_grad.cuh"
#include "kernels/device/score_product.cuh"

namespace headroom {
namespace {

using namespace device;

/// Rows of a head: (B*T, heads * width). Query heads of a group share one where it is larger than
/// one.
template <class T>
struct HeadMatrix {
    Rows<T> rows{};
    int length = 0;  ///< rows of a sequence
    int width = 0;
    int group = 1;

    __device__ __forceinline__ T& at(const HeadPlace& place, int row, int column) const {
        return *rows.at(std::int64_t{place.sequence} * length + row,
                        std::int64_t{place.head / group} * width + column);
    }
};

/// A head's rows as a factor, or their transpose.
template <class T, bool kTransposed>
struct HeadFactor {
    static constexpr bool kAlongColumns = !kTransposed;
    HeadMatrix<const T> matrix;
    __device__ __forceinline__ T operator()(const HeadPlace& place, int i, int j) const {
        return kTransposed ? matrix.at(place, j, i) : matrix.at(place, i, j);
    }
};

/// A head's square of (B, H, Tq, Tk).
template <class T>
struct Squares {
    Rows<T> rows{};
    int heads = 1;
    int queries = 0;

    __device__ __forceinline__ T& at(const HeadPlace& place, int query, int key) const {
        const std::int64_t head = std::int64_t{place.sequence} * heads + place.head;
        return *rows.at(head * queries + query, key);
    }
};

template <class T, bool kTransposed>
struct SquareFactor {
    static constexpr bool kAlongColumns = !kTransposed;
    Squares<const T> squares;
    __device__ __forceinline__ T operator()(const HeadPlace& place, int i, int j) const {
        return kTransposed ? squares.at(place, j, i) : squares.at(place, i, j);
    }
};

/// Gradients of the scaled products from those of the scores: none of masked pairs, and less where
/// a cap bends.
template <class T, bool kTransposed>
struct SlopedFactor {
    static constexpr bool kAlongColumns = !kTransposed;
    Squares<const T> dscores;
    HeadMatrix<const T> q;
    HeadMatrix<const T> k;
    ScoreRule rule;

    __device__ __forceinline__ T operator()(const HeadPlace& place, int i, int j) const {
        const int query = kTransposed ? j : i;
        const int key = kTransposed ? i : j;
        const int position = rule.position(query);
        if (key < rule.first_key(position) || key >= rule.end_key(position)) {
            return from_float<T>(0.0F);
        }
        const T gradient = dscores.at(place, query, key);
        if (rule.softcap == 0.0F) return gradient;
        const float product =
            dot(&q.at(place, query, 0), &k.at(place, key, 0), static_cast<int>(q.width));
        const Scored scored = score_of(rule, rule.head_row(place.head), product, key - position);
        return from_float<T>(to_float(gradient) * scored.derivative);
    }
};

/// Rounds scale * sum into a head's rows.
template <class T>
struct StoreRows {
    HeadMatrix<T> matrix;
    float scale = 1.0F;
    __device__ __forceinline__ void operator()(const HeadPlace& place, int i, int j,
                                               float sum) const {
        matrix.at(place, i, j) = from_float<T>(sum * scale);
    }
};

template <class T>
struct StoreSquare {
    Squares<T> squares;
    __device__ __forceinline__ void operator()(const HeadPlace& place, int i, int j,
                                               float sum) const {
        squares.at(place, i, j) = from_float<T>(sum);
    }
};

/// Products become scores; masked ones -infinity.
template <class T>
struct StoreScores {
    Squares<T> squares;
    ScoreRule rule;
    __device__ __forceinline__ void operator()(const HeadPlace& place, int query, int key,
                                               float sum) const {
        const int position = rule.position(query);
        float score = -INFINITY;
        if (key >= rule.first_key(position) && key < rule.end_key(position)) {
            score = rule.plain()
                        ? sum * rule.scale
                        : score_of(rule, rule.head_row(place.head), sum, key - position).score;
        }
        squares.at(place, query, key) = from_float<T>(score);
    }
};

/// Extents of the squares (B, H, Tq, Tk) and of the heads.
struct EagerSizes {
    int sequences;
    int heads;
    int queries;
    int keys;
    int group;

    EagerSizes(const TensorView& square, std::int64_t key_heads)
        : sequences(static_cast<int>(square.shape[0])),
          heads(static_cast<int>(square.shape[1])),
          queries(static_cast<int>(square.shape[2])),
          keys(static_cast<int>(square.shape[3])),
          group(static_cast<int>(square.shape[1] / key_heads)) {}

    /// m x n of every query head.
    [[nodiscard]] ProductSizes by_head(std::int64_t m, std::int64_t n, std::int64_t k) const {
        return {static_cast<int>(m), static_cast<int>(n), static_cast<int>(k), sequences, heads, 1};
    }
    /// m x n of every key head, summed over its query heads.
    [[nodiscard]] ProductSizes by_key_head(std::int64_t m, std::int64_t n, std::int64_t k) const {
        return {static_cast<int>(m), static_cast<int>(n), static_cast<int>(k),
                sequences,           heads / group,       group};
    }
    template <class T>
    [[nodiscard]] Squares<T> squares(const TensorView& view) const {
        return {rows_of<T>(view), heads, queries};
    }
    template <class T>
    [[nodiscard]] HeadMatrix<T> of_queries(const TensorView& view, std::int64_t width) const {
        return {rows_of<T>(view), queries, static_cast<int>(width), 1};
    }
    template <class T>
    [[nodiscard]] HeadMatrix<T> of_keys(const TensorView& view, std::int64_t width) const {
        return {rows_of<T>(view), keys, static_cast<int>(width), group};
    }
};

/// (q (B*Tq, H*D), k (B*Tk, K*D) [, bias]) -> scores (B, H, Tq, Tk)
void scores_cuda(const Scores& op, const Launch& launch) {
    const std::int64_t width = op.shape.head_dim;
    const EagerSizes sizes(launch.out[0], launch.in[1].shape[1] / width);
    const TensorView* const bias = launch.in.size() > 2 ? &launch.in[2] : nullptr;
    Slices space(launch);
    const auto parameters = prepare_parameters(launch, space, op.shape, sizes.heads, bias, nullptr);
    const ScoreRule rule = score_rule(op.shape, sizes.queries, sizes.keys, parameters.head_rows);
    device::with_float(launch.in[0].dtype, [&](auto zero) {
        using T = decltype(zero);
        score_product<T>(launch, sizes.by_head(sizes.queries, sizes.keys, width),
                         HeadFactor<T, false>{sizes.of_queries<const T>(launch.in[0], width)},
                         HeadFactor<T, true>{sizes.of_keys<const T>(launch.in[1], width)},
                         StoreScores<T>{sizes.squares<T>(launch.out[0]), rule});
    });
}

/// The stored gradient of a pair's score.
template <class T>
struct StoredGradient {
    Squares<const T> dscores;
    __device__ __forceinline__ float operator()(std::int64_t row, int head, int query,
                                                int key) const {
        const auto sequence = static_cast<int>(row / dscores.queries);
        return to_float(dscores.at({sequence, head}, query, key));
    }
};

/// (q, k, dscores [, bias]) -> (dq, dk [, dbias])
void scores_grad_cuda(const ScoresGrad& op, const Launch& launch) {
    const std::int64_t width = op.shape.head_dim;
    const EagerSizes sizes(launch.in[2], launch.in[1].shape[1] / width);
    const TensorView* const bias = launch.in.size() > 3 ? &launch.in[3] : nullptr;
    Slices space(launch);
    const auto parameters = prepare_parameters(launch, space, op.shape, sizes.heads, bias, nullptr);
    const ScoreRule rule = score_rule(op.shape, sizes.queries, sizes.keys, parameters.head_rows);
    // The slope takes the products of queries and keys again, where an element is read.
    if (rule.softcap != 0.0F) count_product(launch, launch.in[2].rows(), sizes.keys, width);
    device::with_float(launch.in[0].dtype, [&](auto zero) {
        using T = decltype(zero);
        const auto q = sizes.of_queries<const T>(launch.in[0], width);
        const auto k = sizes.of_keys<const T>(launch.in[1], width);
        const auto dscores = sizes.squares<const T>(launch.in[2]);
        score_product<T>(launch, sizes.by_head(sizes.queries, width, sizes.keys),
                         SlopedFactor<T, false>{dscores, q, k, rule}, HeadFactor<T, false>{k},
                         StoreRows<T>{sizes.of_queries<T>(launch.out[0], width), rule.scale});
        score_product<T>(launch, sizes.by_key_head(sizes.keys, width, sizes.queries),
                         SlopedFactor<T, true>{dscores, q, k, rule}, HeadFactor<T, false>{q},
                         StoreRows<T>{sizes.of_keys<T>(launch.out[1], width), rule.scale});
        if (launch.out.size() < 3) return;
        bias_gradient(launch, space, op.shape, rule, launch.in[0].rows(), sizes.heads,
                      launch.out[2], adds(op.accumulation, launch), StoredGradient<T>{dscores});
    });
}

/// (probabilities (B, H, Tq, Tk), v (B*Tk, K*Dv)) -> out (B*Tq, H*Dv)
void context_cuda(const Context& op, const Launch& launch) {
    const std::int64_t width = op.shape.value_dim;
    const EagerSizes sizes(launch.in[0], launch.in[1].shape[1] / width);
    device::with_float(launch.in[1].dtype, [&](auto zero) {
        using T = decltype(zero);
        score_product<T>(launch, sizes.by_head(sizes.queries, width, sizes.keys),
                         SquareFactor<T, false>{sizes.squares<const T>(launch.in[0])},
                         HeadFactor<T, false>{sizes.of_keys<const T>(launch.in[1], width)},
                         StoreRows<T>{sizes.of_queries<T>(launch.out[0], width)});
    });
}

/// (probabilities, v, dout) -> (dprobabilities, dv)
void context_grad_cuda(const ContextGrad& op, const Launch& launch) {
    const std::int64_t width = op.shape.value_dim;
    const EagerSizes sizes(launch.in[0], launch.in[1].shape[1] / width);
    device::with_float(launch.in[1].dtype, [&](auto zero) {
        using T = decltype(zero);
        const HeadFactor<T, false> dout{sizes.of_queries<const T>(launch.in[2], width)};
        score_product<T>(launch, sizes.by_head(sizes.queries, sizes.keys, width), dout,
                         HeadFactor<T, true>{sizes.of_keys<const T>(launch.in[1], width)},
                         StoreSquare<T>{sizes.squares<T>(launch.out[0])});
        score_product<T>(launch, sizes.by_key_head(sizes.keys, width, sizes.queries),
                         SquareFactor<T, true>{sizes.squares<const T>(launch.in[0])}, dout,
                         StoreRows<T>{sizes.of_keys<T>(launch.out[1], width)});
    });
}

std::string refuse_eager(const Op& op, const Launch& launch) {
    const auto bias_at = [&](std::size_t i) {
        return launch.in.size() > i ? refuse_buckets(launch.in[i]) : std::string{};
    };
    if (auto wide = refuse_f64(op, launch); !wide.empty()) return wide;
    if (std::holds_alternative<Scores>(op)) return bias_at(2);
    if (std::holds_alternative<ScoresGrad>(op)) return bias_at(3);
    return {};
}

}  // namespace

void add_eager_attention_cuda_rows(KernelTable& table) {
    set_row<scores_cuda>(table, refuse_eager);
    set_row<scores_grad_cuda>(table, refuse_eager);
    set_row<context_cuda>(table, refuse_eager);
    set_row<context_grad_cuda>(table, refuse_eager);
    add_softmax_cuda_rows(table);
}

}  // namespace headroom
