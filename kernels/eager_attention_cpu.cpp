#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/attention_mask.h"
#include "kernels/cpu/attention_tile.h"
#include "kernels/cpu/dispatch.h"
#include "kernels/cpu/elements.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/runs.h"
#include "kernels/cpu/slices.h"
#include "kernels/cpu/softmax.h"
#include "kernels/cpu/vector_math.h"
#include "kernels/cpu_table.h"

namespace headroom {
namespace {

/// Scores that are computed before they are rounded and stored.
constexpr std::int64_t kBlockScores = 1 << 19;

/// One head of one sequence: `rows` rows of `width` columns.
MatrixView head_block(const TensorView& view, std::int64_t batch, std::int64_t rows,
                      std::int64_t head, std::int64_t width) {
    MatrixView block = row_block(matrix(view), batch * rows, rows);
    block.data += bytes_of(head * width, view.dtype);
    block.columns = width;
    return block;
}

/// One head's square of scores (B, H, Tq, Tk).
MatrixView square_of(const TensorView& scores, std::int64_t batch, std::int64_t head) {
    const std::int64_t first = (batch * scores.shape[1] + head) * scores.shape[2];
    return row_block(matrix(scores), first, scores.shape[2]);
}

template <class R>
MatrixView numbers(R* data, std::int64_t rows, std::int64_t columns) {
    return {.data = reinterpret_cast<std::byte*>(data),
            .dtype = kDTypeOf<R>,
            .rows = rows,
            .columns = columns,
            .stride = columns};
}

template <class T>
T* line_of(const MatrixView& m, std::int64_t index) {
    return reinterpret_cast<T*>(m.data) + index * m.stride;
}

/// Rounds rows of R into a matrix of T.
template <class T>
void store_rows(const Compute<T>* from, const MatrixView& to) {
#pragma omp parallel for schedule(static) if (to.rows * to.columns >= kParallelElements)
    for (std::int64_t i = 0; i < to.rows; ++i) {
        store_run(from + i * to.columns, to.columns, line_of<T>(to, i));
    }
}

/// Offsets key - query of a sequence; the bias of an offset is at `offset + zero`.
struct Offsets {
    std::int64_t zero = 0;
    std::int64_t count = 0;
};
Offsets offsets_of(const ScoreRule& rule) {
    const std::int64_t positions = std::max(rule.queries, rule.keys);
    return {.zero = positions - 1, .count = 2 * positions - 1};
}

/// Query-key products to scores, over views of T.
template <class T>
class ScoresForward {
public:
    using R = Compute<T>;

    ScoresForward(const Scores& op, const Launch& launch)
        : launch_(launch), rule_(score_rule(op.shape, launch.in[0], launch.in[1])) {
        if (launch.in.size() > 2) rule_.relative = &launch.in[2];
    }

    void run() const {
        Slices slices(launch_);
        const Offsets offsets = offsets_of(rule_);
        R* bias = slices.take<R>(rule_.biased() ? offsets.count : 0);
        const std::int64_t rows =
            std::clamp<std::int64_t>(kBlockScores / rule_.keys, 1, rule_.queries);
        R* block = slices.take<R>(rows * rule_.keys);
        const Launch inner = slices.rest(launch_);
        for (std::int64_t head = 0; head < rule_.heads; ++head) {
            for (std::int64_t i = 0; rule_.biased() && i < offsets.count; ++i) {
                bias[i] = static_cast<R>(score_bias(rule_, head, i - offsets.zero));
            }
            const R* by_offset = rule_.biased() ? bias + offsets.zero : nullptr;
            for (std::int64_t b = 0; b < rule_.shape.batch; ++b) {
                for (std::int64_t i = 0; i < rule_.queries; i += rows) {
                    rows_of_head(b, head, {i, std::min(rule_.queries, i + rows)}, by_offset, block,
                                 inner);
                }
            }
        }
    }

private:
    void rows_of_head(std::int64_t batch, std::int64_t head, IndexRange queries, const R* bias,
                      R* block, const Launch& inner) const {
        const std::int64_t dims = rule_.shape.head_dim;
        const auto q = head_block(launch_.in[0], batch, rule_.queries, head, dims);
        const auto k = head_block(launch_.in[1], batch, rule_.keys, rule_.kv_head(head), dims);
        multiply({.a = {row_block(q, queries.begin, queries.count())},
                  .b = {k, Form::transposed},
                  .scale = rule_.scale},
                 numbers(block, queries.count(), rule_.keys), inner);
        const MatrixView out = square_of(launch_.out[0], batch, head);
#pragma omp parallel for schedule(static) if (queries.count() * rule_.keys >= kParallelElements)
        for (std::int64_t i = queries.begin; i < queries.end; ++i) {
            R* line = block + (i - queries.begin) * rule_.keys;
            finish(query_position(rule_.shape, rule_.queries, rule_.keys, i), bias, line);
            store_run(line, rule_.keys, line_of<T>(out, i));
        }
    }

    void finish(std::int64_t position, const R* bias, R* line) const {
        const auto cap = static_cast<R>(rule_.shape.softcap);
        if (cap > R{0}) {
            for (std::int64_t j = 0; j < rule_.keys; ++j) {
                line[j] = cap * hyperbolic_tangent(line[j] / cap);
            }
        }
        if (bias != nullptr) {
            for (std::int64_t j = 0; j < rule_.keys; ++j) line[j] += bias[j - position];
        }
        const IndexRange seen = seen_keys(rule_.shape, position, rule_.keys);
        std::fill(line, line + seen.begin, -std::numeric_limits<R>::infinity());
        std::fill(line + seen.end, line + rule_.keys, -std::numeric_limits<R>::infinity());
    }

    const Launch& launch_;
    ScoreRule rule_;
};

/// Gradients of the scores to those of q, k and the bias, over views of T.
template <class T>
class ScoresBackward {
public:
    using R = Compute<T>;

    ScoresBackward(const ScoresGrad& op, const Launch& launch)
        : op_(op), launch_(launch), rule_(score_rule(op.shape, launch.in[0], launch.in[1])) {
        if (launch.out.size() > 2) dbias_ = &launch.out[2];
        rows_ = std::clamp<std::int64_t>(kBlockScores / rule_.keys, 1, rule_.queries);
    }

    void run() const {
        Slices slices(launch_);
        Space space;
        const std::int64_t buckets = dbias_ == nullptr ? 0 : dbias_->shape[0];
        space.bias = slices.take<R>(buckets * rule_.heads);
        space.offsets = slices.take<R>(buckets == 0 ? 0 : offsets_of(rule_).count);
        space.dk = slices.take<R>(rule_.keys * rule_.shape.head_dim);
        space.dscores = slices.take<R>(rows_ * rule_.keys);
        space.capped = slices.take<R>(rule_.shape.softcap > 0.0 ? rows_ * rule_.keys : 0);
        std::fill_n(space.bias, buckets * rule_.heads, R{0});
        const Launch inner = slices.rest(launch_);
        for (std::int64_t b = 0; b < rule_.shape.batch; ++b) {
            for (std::int64_t head = 0; head < rule_.kv_heads; ++head) {
                key_head(b, head, space, inner);
            }
        }
        for (std::int64_t i = 0; i < buckets * rule_.heads; ++i) {
            put_number(*dbias_, i / rule_.heads, i % rule_.heads, adds(op_.accumulation, launch_),
                       static_cast<double>(space.bias[i]));
        }
    }

private:
    struct Space {
        R* bias = nullptr;     ///< (buckets, heads): gradient
        R* offsets = nullptr;  ///< one head's, by offset
        R* dk = nullptr;       ///< (keys, head_dim), summed over the heads that read it
        R* dscores = nullptr;  ///< (rows, keys)
        R* capped = nullptr;   ///< (rows, keys): scores before the cap
    };

    void key_head(std::int64_t batch, std::int64_t kv_head, const Space& space,
                  const Launch& inner) const {
        const std::int64_t group = rule_.heads / rule_.kv_heads;
        const std::int64_t dims = rule_.shape.head_dim;
        std::fill_n(space.dk, rule_.keys * dims, R{0});
        for (std::int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
            if (dbias_ != nullptr) std::fill_n(space.offsets, offsets_of(rule_).count, R{0});
            for (std::int64_t i = 0; i < rule_.queries; i += rows_) {
                rows_of_head(batch, head, {i, std::min(rule_.queries, i + rows_)}, space, inner);
            }
            if (dbias_ != nullptr) add_offsets(head, space);
        }
        store_rows<T>(space.dk, head_block(launch_.out[1], batch, rule_.keys, kv_head, dims));
    }

    void rows_of_head(std::int64_t batch, std::int64_t head, IndexRange queries, const Space& space,
                      const Launch& inner) const {
        const std::int64_t dims = rule_.shape.head_dim;
        const std::int64_t count = queries.count();
        const auto q = row_block(head_block(launch_.in[0], batch, rule_.queries, head, dims),
                                 queries.begin, count);
        const auto k = head_block(launch_.in[1], batch, rule_.keys, rule_.kv_head(head), dims);
        const auto dq = row_block(head_block(launch_.out[0], batch, rule_.queries, head, dims),
                                  queries.begin, count);
        load_gradients(square_of(launch_.in[2], batch, head), queries, space.dscores);
        if (dbias_ != nullptr) sum_offsets(queries, space);
        if (rule_.shape.softcap > 0.0) {
            // The scores were written over: their product is made again.
            multiply({.a = {q}, .b = {k, Form::transposed}, .scale = rule_.scale},
                     numbers(space.capped, count, rule_.keys), inner);
            apply_slope(count, space);
        }
        const auto dscores = numbers(space.dscores, count, rule_.keys);
        const auto dk = numbers(space.dk, rule_.keys, dims);
        multiply({.a = {dscores}, .b = {k}, .scale = rule_.scale}, dq, inner);
        multiply({.a = {dscores, Form::transposed}, .b = {q}, .plus = dk, .scale = rule_.scale}, dk,
                 inner);
    }

    /// Gradients that reach masked pairs go no further.
    void load_gradients(const MatrixView& square, IndexRange queries, R* to) const {
#pragma omp parallel for schedule(static) if (queries.count() * rule_.keys >= kParallelElements)
        for (std::int64_t i = queries.begin; i < queries.end; ++i) {
            R* line = to + (i - queries.begin) * rule_.keys;
            load_run(line_of<T>(square, i), rule_.keys, line);
            const IndexRange seen = seen_keys(
                rule_.shape, query_position(rule_.shape, rule_.queries, rule_.keys, i), rule_.keys);
            std::fill(line, line + seen.begin, R{0});
            std::fill(line + seen.end, line + rule_.keys, R{0});
        }
    }

    void apply_slope(std::int64_t count, const Space& space) const {
        const auto cap = static_cast<R>(rule_.shape.softcap);
#pragma omp parallel for schedule(static) if (count * rule_.keys >= kParallelElements)
        for (std::int64_t i = 0; i < count * rule_.keys; ++i) {
            const R share = hyperbolic_tangent(space.capped[i] / cap);
            space.dscores[i] *= R{1} - share * share;
        }
    }

    void sum_offsets(IndexRange queries, const Space& space) const {
        const std::int64_t zero = offsets_of(rule_).zero;
        for (std::int64_t i = queries.begin; i < queries.end; ++i) {
            const R* line = space.dscores + (i - queries.begin) * rule_.keys;
            R* sum =
                space.offsets + zero - query_position(rule_.shape, rule_.queries, rule_.keys, i);
            for (std::int64_t j = 0; j < rule_.keys; ++j) sum[j] += line[j];
        }
    }

    void add_offsets(std::int64_t head, const Space& space) const {
        const Offsets offsets = offsets_of(rule_);
        for (std::int64_t i = 0; i < offsets.count; ++i) {
            const auto bucket = relative_bucket(rule_.shape, dbias_->shape[0], i - offsets.zero);
            space.bias[bucket * rule_.heads + head] += space.offsets[i];
        }
    }

    const ScoresGrad& op_;
    const Launch& launch_;
    ScoreRule rule_;
    const TensorView* dbias_ = nullptr;
    std::int64_t rows_ = 1;  ///< of scores at a time
};

/// (q (B*Tq, H*D), k (B*Tk, K*D) [, bias]) -> scores (B, H, Tq, Tk)
void scores_cpu(const Scores& op, const Launch& launch) {
    with_float(launch.in[0].dtype,
               [&](auto zero) { ScoresForward<decltype(zero)>(op, launch).run(); });
}

/// (q, k, dscores [, bias]) -> (dq, dk [, dbias])
void scores_grad_cpu(const ScoresGrad& op, const Launch& launch) {
    with_float(launch.in[0].dtype,
               [&](auto zero) { ScoresBackward<decltype(zero)>(op, launch).run(); });
}

/// (probabilities (B, H, Tq, Tk), v (B*Tk, K*Dv)) -> out (B*Tq, H*Dv)
void context_cpu(const Context& op, const Launch& launch) {
    const Shape& square = launch.in[0].shape;
    const std::int64_t dims = op.shape.value_dim;
    const std::int64_t group = square[1] / (launch.in[1].columns() / dims);
    for (std::int64_t b = 0; b < square[0]; ++b) {
        for (std::int64_t head = 0; head < square[1]; ++head) {
            multiply({.a = {square_of(launch.in[0], b, head)},
                      .b = {head_block(launch.in[1], b, square[3], head / group, dims)}},
                     head_block(launch.out[0], b, square[2], head, dims), launch);
        }
    }
}

template <class T>
void value_gradient(const ContextGrad& op, const Launch& launch) {
    using R = Compute<T>;
    const Shape& square = launch.in[0].shape;
    const std::int64_t dims = op.shape.value_dim;
    const std::int64_t kv_heads = launch.in[1].columns() / dims;
    const std::int64_t group = square[1] / kv_heads;
    Slices slices(launch);
    R* sums = slices.take<R>(square[3] * dims);
    const Launch inner = slices.rest(launch);
    const MatrixView dv = numbers(sums, square[3], dims);
    for (std::int64_t i = 0; i < square[0] * kv_heads; ++i) {
        const std::int64_t b = i / kv_heads;
        std::fill_n(sums, square[3] * dims, R{0});
        for (std::int64_t g = 0; g < group; ++g) {
            const std::int64_t head = i % kv_heads * group + g;
            multiply({.a = {square_of(launch.in[0], b, head), Form::transposed},
                      .b = {head_block(launch.in[2], b, square[2], head, dims)},
                      .plus = dv},
                     dv, inner);
        }
        store_rows<T>(sums, head_block(launch.out[1], b, square[3], i % kv_heads, dims));
    }
}

/// (probabilities, v, dout) -> (dprobabilities, dv)
void context_grad_cpu(const ContextGrad& op, const Launch& launch) {
    const Shape& square = launch.in[0].shape;
    const std::int64_t dims = op.shape.value_dim;
    const std::int64_t group = square[1] / (launch.in[1].columns() / dims);
    for (std::int64_t b = 0; b < square[0]; ++b) {
        for (std::int64_t head = 0; head < square[1]; ++head) {
            multiply({.a = {head_block(launch.in[2], b, square[2], head, dims)},
                      .b = {head_block(launch.in[1], b, square[3], head / group, dims),
                            Form::transposed}},
                     square_of(launch.out[0], b, head), launch);
        }
    }
    with_float(launch.in[1].dtype, [&](auto zero) { value_gradient<decltype(zero)>(op, launch); });
}

}  // namespace

void add_eager_attention_rows(KernelTable& table) {
    set_row<scores_cpu>(table);
    set_row<scores_grad_cpu>(table);
    set_row<softmax_cpu>(table);
    set_row<softmax_grad_cpu>(table);
    set_row<context_cpu>(table);
    set_row<context_grad_cpu>(table);
}

}  // namespace headroom
