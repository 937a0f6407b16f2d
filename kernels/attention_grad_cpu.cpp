#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernels/cpu/attention_tile.h"
#include "kernels/cpu/clones.h"
#include "kernels/cpu/slices.h"
#include "kernels/cpu/vector_math.h"

namespace headroom {
namespace {

/// Vector FLOPs of a score: difference, exponential, difference, product, bias or cap.
constexpr std::int64_t kScoreFlops = 5;

/// A thread's tiles; keys lie along the rows of all scores.
template <class R>
struct BackwardTiles {
    R* q = nullptr;          ///< (queries, head_dim)
    R* dout = nullptr;       ///< (queries, value_dim)
    R* k = nullptr;          ///< (keys, head_dim)
    R* k_columns = nullptr;  ///< (head_dim, keys), scaled
    R* v_columns = nullptr;  ///< (value_dim, keys)
    R* dk = nullptr;         ///< (keys, head_dim)
    R* dv = nullptr;         ///< (keys, value_dim)
    R* scores = nullptr;     ///< (queries, keys); then probabilities
    R* dscores = nullptr;    ///< (queries, keys); gradient of the probabilities, then of the scores
    R* slope = nullptr;      ///< (queries, keys): of the cap
    R* bias = nullptr;       ///< (2 * edge), by offset

    static std::int64_t size(const AttentionShape& shape) {
        return 4 * Slices::size<R>(kScoreEdge * shape.head_dim) +
               3 * Slices::size<R>(kScoreEdge * shape.value_dim) +
               3 * Slices::size<R>(kScoreEdge * kScoreEdge) + Slices::size<R>(2 * kScoreEdge);
    }
    BackwardTiles(const AttentionShape& shape, Slices slices)
        : q(slices.take<R>(kScoreEdge * shape.head_dim)),
          dout(slices.take<R>(kScoreEdge * shape.value_dim)),
          k(slices.take<R>(kScoreEdge * shape.head_dim)),
          k_columns(slices.take<R>(kScoreEdge * shape.head_dim)),
          v_columns(slices.take<R>(kScoreEdge * shape.value_dim)),
          dk(slices.take<R>(kScoreEdge * shape.head_dim)),
          dv(slices.take<R>(kScoreEdge * shape.value_dim)),
          scores(slices.take<R>(kScoreEdge * kScoreEdge)),
          dscores(slices.take<R>(kScoreEdge * kScoreEdge)),
          slope(slices.take<R>(kScoreEdge * kScoreEdge)),
          bias(slices.take<R>(2 * kScoreEdge)) {}
};

template <class R>
[[gnu::always_inline]] inline void cap_tile(std::int64_t count, R cap, const BackwardTiles<R>& t) {
    const R part = R{1} / cap;
    for (std::int64_t i = 0; i < count; ++i) {
        const R share = hyperbolic_tangent(t.scores[i] * part);
        t.scores[i] = cap * share;
        t.slope[i] = R{1} - share * share;
    }
}
HEADROOM_CLONES void cap_scores(std::int64_t count, float cap, const BackwardTiles<float>& t) {
    cap_tile(count, cap, t);
}
void cap_scores(std::int64_t count, double cap, const BackwardTiles<double>& t) {
    cap_tile(count, cap, t);
}

/// What the backward pass knows of a query: log of its scores' sum, and sum of dout * out.
template <class R>
struct QuerySums {
    const R* lse = nullptr;
    std::int64_t lse_stride = 0;
    const R* delta = nullptr;
    std::int64_t delta_stride = 0;
};

/// Scores -> probabilities, and the gradient of these -> that of the scores.
template <class R>
[[gnu::always_inline]] inline void soften_tile(std::int64_t rows, std::int64_t lanes,
                                               const QuerySums<R>& sums,
                                               const BackwardTiles<R>& t) {
    for (std::int64_t i = 0; i < rows; ++i) {
        const R lse = sums.lse[i * sums.lse_stride];
        const R delta = sums.delta[i * sums.delta_stride];
        R* score = t.scores + i * lanes;
        R* dscore = t.dscores + i * lanes;
        for (std::int64_t j = 0; j < lanes; ++j) {
            score[j] = exponential(score[j] - lse);
            dscore[j] = score[j] * (dscore[j] - delta);
        }
    }
}
HEADROOM_CLONES void soften(std::int64_t rows, std::int64_t lanes, const QuerySums<float>& sums,
                            const BackwardTiles<float>& t) {
    soften_tile(rows, lanes, sums, t);
}
void soften(std::int64_t rows, std::int64_t lanes, const QuerySums<double>& sums,
            const BackwardTiles<double>& t) {
    soften_tile(rows, lanes, sums, t);
}

/// The backward pass over views of T, computed in R. A thread has all that reads one key head of
/// one sequence, so every sum has one owner and one order.
template <class T>
class Backward {
public:
    using R = Compute<T>;

    Backward(const AttentionGrad& op, const Launch& launch)
        : op_(op), launch_(launch), rule_(score_rule(op.shape, launch.in[0], launch.in[1])) {
        std::size_t next = 6;
        if (op.relative_bias) rule_.relative = &launch.in[next++];
        if (op.sinks) sinks_ = &launch.in[next];
        for (const auto& gradient : launch.out.subspan(5)) {
            (gradient.shape.rank() == 2 ? dbias_ : dsinks_) = &gradient;
        }
        buckets_ = dbias_ == nullptr ? 0 : dbias_->shape[0];
    }

    void run() const {
        Slices slices(launch_);
        const std::int64_t size = BackwardTiles<R>::size(rule_.shape);
        R* bias_sums = slices.take<R>(rule_.shape.batch * rule_.heads * buckets_);
        const std::int64_t units = rule_.shape.batch * rule_.kv_heads;
        const int threads = thread_count(slices, size, units, launch_.in[0].count() * rule_.keys);
        std::int64_t pairs = 0;
#pragma omp parallel num_threads(threads) reduction(+ : pairs)
        {
            const BackwardTiles<R> tiles(rule_.shape, slices.part(omp_get_thread_num(), size));
#pragma omp for schedule(dynamic)
            for (std::int64_t i = 0; i < units; ++i) {
                pairs += unit({.batch = i / rule_.kv_heads, .kv_head = i % rule_.kv_heads},
                              bias_sums, tiles);
            }
        }
        if (dbias_ != nullptr) reduce_bias(bias_sums);
        if (dsinks_ != nullptr) sink_gradient();
        if (launch_.work == nullptr) return;
        const auto& shape = rule_.shape;
        // The pairs that the mask keeps: the rest of a tile that it crosses is padding.
        launch_.work->matrix += 2 * pairs * (3 * shape.head_dim + 2 * shape.value_dim);
        launch_.work->vector += kScoreFlops * pairs;
    }

private:
    struct Unit {
        std::int64_t batch = 0;
        std::int64_t kv_head = 0;
    };
    /// Queries of one head that meet the keys in work.
    struct Queries {
        std::int64_t head = 0;
        std::int64_t row = 0;
        R* bias_sums = nullptr;  ///< of this sequence and head, by bucket
    };

    [[nodiscard]] std::int64_t group() const { return rule_.heads / rule_.kv_heads; }

    /// -> the pairs that the mask keeps.
    [[nodiscard]] std::int64_t unit(const Unit& at, R* bias_sums, const BackwardTiles<R>& t) const {
        for (std::int64_t g = 0; g < group(); ++g) begin_head(at, at.kv_head * group() + g);
        R* sums = bias_sums + (at.batch * rule_.heads + at.kv_head * group()) * buckets_;
        std::fill_n(sums, group() * buckets_, R{0});
        std::int64_t pairs = 0;
        for (std::int64_t key = 0; key < rule_.keys; key += kScoreEdge) {
            pairs += key_block(at, key, std::min(kScoreEdge, rule_.keys - key), sums, t);
        }
        for (std::int64_t g = 0; g < group(); ++g) end_head(at, at.kv_head * group() + g);
        return pairs;
    }

    /// Clears the head's sums of dq and computes delta.
    void begin_head(const Unit& at, std::int64_t head) const {
        const auto& shape = rule_.shape;
        for (std::int64_t i = 0; i < rule_.queries; ++i) {
            const std::int64_t n = at.batch * rule_.queries + i;
            const T* out = row<T>(launch_.in[3], n) + head * shape.value_dim;
            const T* dout = row<T>(launch_.in[5], n) + head * shape.value_dim;
            row<R>(launch_.out[3], n)[head] = lane_sum<R>(
                shape.value_dim, [&](std::int64_t d) { return load(out[d]) * load(dout[d]); });
            std::fill_n(row<R>(launch_.out[4], n) + head * shape.head_dim, shape.head_dim, R{0});
        }
    }

    void end_head(const Unit& at, std::int64_t head) const {
        const std::int64_t dims = rule_.shape.head_dim;
        const auto scale = static_cast<R>(rule_.scale);
        for (std::int64_t i = 0; i < rule_.queries; ++i) {
            const std::int64_t n = at.batch * rule_.queries + i;
            R* sum = row<R>(launch_.out[4], n) + head * dims;
            for (std::int64_t d = 0; d < dims; ++d) sum[d] *= scale;
            store_run(sum, dims, row<T>(launch_.out[0], n) + head * dims);
        }
    }

    [[nodiscard]] std::int64_t key_block(const Unit& at, std::int64_t key, std::int64_t keys,
                                         R* bias_sums, const BackwardTiles<R>& t) const {
        const auto& shape = rule_.shape;
        load_keys(at, key, keys, t);
        std::int64_t pairs = 0;
        for (std::int64_t g = 0; g < group(); ++g) {
            for (int r = 0; r < query_runs(shape, rule_.queries, rule_.keys); ++r) {
                const QueryRun run = query_run(shape, rule_.queries, rule_.keys, r);
                const std::int64_t begin =
                    seeing_queries(shape, key, run.position, run.count).begin;
                const std::int64_t end =
                    seeing_queries(shape, key + keys - 1, run.position, run.count).end;
                for (auto i = begin / kScoreEdge * kScoreEdge; i < end; i += kScoreEdge) {
                    const Queries queries{.head = at.kv_head * group() + g,
                                          .row = at.batch * rule_.queries + run.first + i,
                                          .bias_sums = bias_sums + g * buckets_};
                    const TilePairs tile{run.position + i, std::min(kScoreEdge, run.count - i), key,
                                         keys};
                    pairs += add_queries(queries, tile, t);
                }
            }
        }
        store_keys(at, key, keys, t);
        return pairs;
    }

    void load_keys(const Unit& at, std::int64_t key, std::int64_t keys,
                   const BackwardTiles<R>& t) const {
        const auto& shape = rule_.shape;
        const std::int64_t from = at.batch * rule_.keys + key;
        const TensorView& k = launch_.in[1];
        const TensorView& v = launch_.in[2];
        const T* k_rows = row<T>(k, from) + at.kv_head * shape.head_dim;
        const T* v_rows = row<T>(v, from) + at.kv_head * shape.value_dim;
        load_rows(k_rows, k.stride, keys, shape.head_dim, t.k);
        load_columns(k_rows, k.stride, keys, shape.head_dim, static_cast<R>(rule_.scale),
                     t.k_columns);
        load_columns(v_rows, v.stride, keys, shape.value_dim, R{1}, t.v_columns);
        std::fill_n(t.dk, kScoreEdge * shape.head_dim, R{0});
        std::fill_n(t.dv, kScoreEdge * shape.value_dim, R{0});
    }

    void store_keys(const Unit& at, std::int64_t key, std::int64_t keys,
                    const BackwardTiles<R>& t) const {
        const auto& shape = rule_.shape;
        const auto scale = static_cast<R>(rule_.scale);
        for (std::int64_t j = 0; j < keys; ++j) {
            const std::int64_t n = at.batch * rule_.keys + key + j;
            T* dk = row<T>(launch_.out[1], n) + at.kv_head * shape.head_dim;
            T* dv = row<T>(launch_.out[2], n) + at.kv_head * shape.value_dim;
            for (std::int64_t d = 0; d < shape.head_dim; ++d) t.dk[j * shape.head_dim + d] *= scale;
            store_run(t.dk + j * shape.head_dim, shape.head_dim, dk);
            store_run(t.dv + j * shape.value_dim, shape.value_dim, dv);
        }
    }

    [[nodiscard]] std::int64_t add_queries(const Queries& at, const TilePairs& tile,
                                           const BackwardTiles<R>& t) const {
        const auto& shape = rule_.shape;
        const TensorView& q_view = launch_.in[0];
        const TensorView& dout_view = launch_.in[5];
        const auto q = load_rows(row<T>(q_view, at.row) + at.head * shape.head_dim, q_view.stride,
                                 tile.queries, shape.head_dim, t.q);
        const auto dout = load_rows(row<T>(dout_view, at.row) + at.head * shape.value_dim,
                                    dout_view.stride, tile.queries, shape.value_dim, t.dout);
        const std::int64_t kept = score_gradients(at, tile, q, dout, t);
        const Tile<const R> p{t.scores, lanes_of(tile.keys)};
        const Tile<const R> dscores{t.dscores, lanes_of(tile.keys)};
        const TensorView& sums = launch_.out[4];
        add_product({tile.keys, shape.value_dim, tile.queries}, transposed(p), dout,
                    Tile<R>{t.dv, shape.value_dim});
        add_product({tile.keys, shape.head_dim, tile.queries}, transposed(dscores), q,
                    Tile<R>{t.dk, shape.head_dim});
        add_product({tile.queries, shape.head_dim, tile.keys}, dscores,
                    Tile<const R>{t.k, shape.head_dim},
                    Tile<R>{row<R>(sums, at.row) + at.head * shape.head_dim, sums.stride});
        return kept;
    }

    /// Probabilities and gradients of the scores of one tile. -> the pairs that the mask keeps.
    [[nodiscard]] std::int64_t score_gradients(const Queries& at, const TilePairs& tile,
                                               const Tile<const R>& q, const Tile<const R>& dout,
                                               const BackwardTiles<R>& t) const {
        const auto& shape = rule_.shape;
        const std::int64_t lanes = lanes_of(tile.keys);
        const Tile<R> scores{t.scores, lanes};
        const std::int64_t count = tile.queries * lanes;
        std::fill_n(t.scores, count, R{0});
        std::fill_n(t.dscores, count, R{0});
        add_product({tile.queries, lanes, shape.head_dim}, q, Tile<const R>{t.k_columns, lanes},
                    scores);
        add_product({tile.queries, lanes, shape.value_dim}, dout, Tile<const R>{t.v_columns, lanes},
                    Tile<R>{t.dscores, lanes});
        if (shape.softcap > 0.0) cap_scores(count, static_cast<R>(shape.softcap), t);
        if (rule_.biased()) {
            fill_bias(rule_, at.head, tile, t.bias);
            add_bias(tile, Lanes::keys, t.bias, scores);
        }
        const std::int64_t kept = mask_scores(rule_, tile, Lanes::keys, scores);
        const TensorView& lse = launch_.in[4];
        const TensorView& delta = launch_.out[3];
        soften(tile.queries, lanes,
               {row<R>(lse, at.row) + at.head, lse.stride, row<R>(delta, at.row) + at.head,
                delta.stride},
               t);
        if (dbias_ != nullptr) sum_bias(at, tile, t);
        if (shape.softcap > 0.0) {
            for (std::int64_t i = 0; i < count; ++i) t.dscores[i] *= t.slope[i];
        }
        return kept;
    }

    /// Gradients of the scores, summed by offset and these by bucket.
    void sum_bias(const Queries& at, const TilePairs& tile, const BackwardTiles<R>& t) const {
        const std::int64_t offsets = tile.queries + tile.keys - 1;
        const std::int64_t lowest = tile.key - (tile.position + tile.queries - 1);
        std::fill_n(t.bias, offsets, R{0});
        for (std::int64_t i = 0; i < tile.queries; ++i) {
            R* sum = t.bias + tile.queries - 1 - i;
            for (std::int64_t j = 0; j < tile.keys; ++j)
                sum[j] += t.dscores[i * lanes_of(tile.keys) + j];
        }
        for (std::int64_t i = 0; i < offsets; ++i) {
            at.bias_sums[relative_bucket(rule_.shape, buckets_, lowest + i)] += t.bias[i];
        }
    }

    /// Sequences in order.
    void reduce_bias(const R* sums) const {
        for (std::int64_t bucket = 0; bucket < buckets_; ++bucket) {
            for (std::int64_t head = 0; head < rule_.heads; ++head) {
                R total{0};
                for (std::int64_t b = 0; b < rule_.shape.batch; ++b) {
                    total += sums[(b * rule_.heads + head) * buckets_ + bucket];
                }
                give(*dbias_, bucket, head, total);
            }
        }
    }

    /// A sink's share of a query's probabilities has no value: its gradient is -share * delta.
    void sink_gradient() const {
        const std::int64_t rows = launch_.in[4].rows();
        for (std::int64_t head = 0; head < rule_.heads; ++head) {
            const auto sink = static_cast<R>(number_at(*sinks_, 0, head));
            const R total = lane_sum<R>(rows, [&](std::int64_t n) {
                return -std::exp(sink - row<R>(launch_.in[4], n)[head]) *
                       row<R>(launch_.out[3], n)[head];
            });
            give(*dsinks_, 0, head, total);
        }
    }

    void give(const TensorView& gradient, std::int64_t row_index, std::int64_t column,
              R value) const {
        put_number(gradient, row_index, column, adds(op_.accumulation, launch_),
                   static_cast<double>(value));
    }

    const AttentionGrad& op_;
    const Launch& launch_;
    ScoreRule rule_;
    const TensorView* sinks_ = nullptr;
    const TensorView* dbias_ = nullptr;
    const TensorView* dsinks_ = nullptr;
    std::int64_t buckets_ = 0;  ///< of dbias
};

}  // namespace

void attention_grad_cpu(const AttentionGrad& op, const Launch& launch) {
    with_float(launch.in[0].dtype, [&](auto zero) { Backward<decltype(zero)>(op, launch).run(); });
}

}  // namespace headroom
