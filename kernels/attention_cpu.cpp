#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernels/cpu/attention_tile.h"
#include "kernels/cpu/clones.h"
#include "kernels/cpu/slices.h"
#include "kernels/cpu/vector_math.h"
#include "kernels/cpu_table.h"

namespace headroom {
namespace {

/// Vector FLOPs of a score: maximum, difference, exponential, sum, bias or cap.
constexpr std::int64_t kScoreFlops = 5;

/// A thread's tiles; queries lie along the rows of all but k and v.
template <class R>
struct ForwardTiles {
    R* q = nullptr;        ///< (head_dim, queries), scaled
    R* k = nullptr;        ///< (keys, head_dim)
    R* v = nullptr;        ///< (keys, value_dim)
    R* scores = nullptr;   ///< (keys, queries)
    R* out = nullptr;      ///< (value_dim, queries), before the division
    R* largest = nullptr;  ///< (queries): score so far
    R* sum = nullptr;      ///< (queries): of e^(score - largest)
    R* shrink = nullptr;   ///< (queries): what earlier sums are multiplied by
    R* bias = nullptr;     ///< (2 * edge), by offset

    static std::int64_t size(const AttentionShape& shape) {
        return 2 * Slices::size<R>(kScoreEdge * shape.head_dim) +
               2 * Slices::size<R>(kScoreEdge * shape.value_dim) +
               Slices::size<R>(kScoreEdge * kScoreEdge) + 3 * Slices::size<R>(kScoreEdge) +
               Slices::size<R>(2 * kScoreEdge);
    }
    ForwardTiles(const AttentionShape& shape, Slices slices)
        : q(slices.take<R>(kScoreEdge * shape.head_dim)),
          k(slices.take<R>(kScoreEdge * shape.head_dim)),
          v(slices.take<R>(kScoreEdge * shape.value_dim)),
          scores(slices.take<R>(kScoreEdge * kScoreEdge)),
          out(slices.take<R>(kScoreEdge * shape.value_dim)),
          largest(slices.take<R>(kScoreEdge)),
          sum(slices.take<R>(kScoreEdge)),
          shrink(slices.take<R>(kScoreEdge)),
          bias(slices.take<R>(2 * kScoreEdge)) {}
};

template <class R>
[[gnu::always_inline]] inline void cap_tile(std::int64_t count, R cap, R* scores) {
    const R part = R{1} / cap;
    for (std::int64_t i = 0; i < count; ++i) {
        scores[i] = cap * hyperbolic_tangent(scores[i] * part);
    }
}
HEADROOM_CLONES void cap_scores(std::int64_t count, float cap, float* scores) {
    cap_tile(count, cap, scores);
}
void cap_scores(std::int64_t count, double cap, double* scores) { cap_tile(count, cap, scores); }

/// scores -> e^(score - largest), with the largest and the sum of each query brought up to date.
template <class R>
[[gnu::always_inline]] inline void soften_tile(std::int64_t rows, std::int64_t lanes,
                                               const ForwardTiles<R>& t) {
    R best[kScoreEdge];
    R total[kScoreEdge] = {};
    std::copy_n(t.largest, lanes, best);
    for (std::int64_t j = 0; j < rows; ++j) {
        const R* line = t.scores + j * lanes;
        for (std::int64_t i = 0; i < lanes; ++i) best[i] = std::max(best[i], line[i]);
    }
    for (std::int64_t j = 0; j < rows; ++j) {
        R* line = t.scores + j * lanes;
        for (std::int64_t i = 0; i < lanes; ++i) {
            line[i] = exponential(line[i] - best[i]);
            total[i] += line[i];
        }
    }
    for (std::int64_t i = 0; i < lanes; ++i) {
        t.shrink[i] = exponential(t.largest[i] - best[i]);
        t.sum[i] = t.sum[i] * t.shrink[i] + total[i];
        t.largest[i] = best[i];
    }
}
HEADROOM_CLONES void soften(std::int64_t rows, std::int64_t lanes, const ForwardTiles<float>& t) {
    soften_tile(rows, lanes, t);
}
void soften(std::int64_t rows, std::int64_t lanes, const ForwardTiles<double>& t) {
    soften_tile(rows, lanes, t);
}

/// Attention over views of T, computed in R.
template <class T>
class Forward {
public:
    using R = Compute<T>;

    Forward(const Attention& op, const Launch& launch)
        : launch_(launch), rule_(score_rule(op.shape, launch.in[0], launch.in[1])) {
        std::size_t next = 3;
        if (op.relative_bias) rule_.relative = &launch.in[next++];
        if (op.sinks) sinks_ = &launch.in[next];
    }

    void run() const {
        const Slices slices(launch_);
        const std::int64_t size = ForwardTiles<R>::size(rule_.shape);
        const std::int64_t units = rule_.shape.batch * rule_.heads * blocks();
        const int threads = thread_count(slices, size, units, launch_.in[0].count() * rule_.keys);
        std::int64_t pairs = 0;
#pragma omp parallel num_threads(threads) reduction(+ : pairs)
        {
            const ForwardTiles<R> tiles(rule_.shape, slices.part(omp_get_thread_num(), size));
#pragma omp for schedule(dynamic)
            for (std::int64_t i = 0; i < units; ++i) pairs += unit(i, tiles);
        }
        if (launch_.work == nullptr) return;
        // The pairs that the mask keeps: the rest of a tile that it crosses is padding.
        launch_.work->matrix += 2 * pairs * (rule_.shape.head_dim + rule_.shape.value_dim);
        launch_.work->vector += kScoreFlops * pairs;
    }

private:
    /// Some queries of one head of one sequence.
    struct Unit {
        std::int64_t batch = 0;
        std::int64_t head = 0;
        std::int64_t row = 0;  ///< of the first query
        std::int64_t position = 0;
        std::int64_t queries = 0;
        std::int64_t lanes = 0;
    };

    [[nodiscard]] std::int64_t runs() const {
        return query_runs(rule_.shape, rule_.queries, rule_.keys);
    }
    /// Blocks of a run: the second is as long as the first or one longer.
    [[nodiscard]] std::int64_t blocks_of_run() const {
        const std::int64_t longest = rule_.queries - rule_.queries / 2 * (runs() - 1);
        return (longest + kScoreEdge - 1) / kScoreEdge;
    }
    [[nodiscard]] std::int64_t blocks() const { return runs() * blocks_of_run(); }

    [[nodiscard]] std::int64_t unit(std::int64_t index, const ForwardTiles<R>& tiles) const {
        const std::int64_t in_run = index % blocks_of_run();
        index /= blocks_of_run();
        const QueryRun run =
            query_run(rule_.shape, rule_.queries, rule_.keys, static_cast<int>(index % runs()));
        index /= runs();
        const std::int64_t first = in_run * kScoreEdge;
        if (first >= run.count) return 0;
        Unit at{.batch = index / rule_.heads, .head = index % rule_.heads};
        at.row = at.batch * rule_.queries + run.first + first;
        at.position = run.position + first;
        at.queries = std::min(kScoreEdge, run.count - first);
        at.lanes = lanes_of(at.queries);
        return attend(at, tiles);
    }

    /// -> the pairs that the mask keeps.
    [[nodiscard]] std::int64_t attend(const Unit& at, const ForwardTiles<R>& t) const {
        const auto& shape = rule_.shape;
        const TensorView& q = launch_.in[0];
        load_columns(row<T>(q, at.row) + at.head * shape.head_dim, q.stride, at.queries,
                     shape.head_dim, static_cast<R>(rule_.scale), t.q);
        start(at.head, t);
        const std::int64_t last = at.position + at.queries - 1;
        const std::int64_t begin = seen_keys(shape, at.position, rule_.keys).begin;
        const std::int64_t end = seen_keys(shape, last, rule_.keys).end;
        std::int64_t pairs = 0;
        for (std::int64_t key = begin / kScoreEdge * kScoreEdge; key < end; key += kScoreEdge) {
            pairs +=
                add_keys(at, {at.position, at.queries, key, std::min(kScoreEdge, end - key)}, t);
        }
        finish(at, t);
        return pairs;
    }

    /// A sink is a score that comes first and brings no value.
    void start(std::int64_t head, const ForwardTiles<R>& t) const {
        std::fill_n(t.largest, kScoreEdge,
                    static_cast<R>(sinks_ == nullptr ? kNoScore : number_at(*sinks_, 0, head)));
        std::fill_n(t.sum, kScoreEdge, static_cast<R>(sinks_ == nullptr ? 0 : 1));
        std::fill_n(t.out, kScoreEdge * rule_.shape.value_dim, R{0});
    }

    [[nodiscard]] std::int64_t add_keys(const Unit& at, const TilePairs& pairs,
                                        const ForwardTiles<R>& t) const {
        const auto& shape = rule_.shape;
        const std::int64_t from = at.batch * rule_.keys + pairs.key;
        const std::int64_t head = rule_.kv_head(at.head);
        const TensorView& k = launch_.in[1];
        const TensorView& v = launch_.in[2];
        const auto keys = load_rows(row<T>(k, from) + head * shape.head_dim, k.stride, pairs.keys,
                                    shape.head_dim, t.k);
        const auto values = load_rows(row<T>(v, from) + head * shape.value_dim, v.stride,
                                      pairs.keys, shape.value_dim, t.v);
        const Tile<R> scores{t.scores, at.lanes};
        std::fill_n(t.scores, pairs.keys * at.lanes, R{0});
        add_product({pairs.keys, at.lanes, shape.head_dim}, keys, Tile<const R>{t.q, at.lanes},
                    scores);
        if (shape.softcap > 0.0)
            cap_scores(pairs.keys * at.lanes, static_cast<R>(shape.softcap), t.scores);
        if (rule_.biased()) {
            fill_bias(rule_, at.head, pairs, t.bias);
            add_bias(pairs, Lanes::queries, t.bias, scores);
        }
        const std::int64_t kept = mask_scores(rule_, pairs, Lanes::queries, scores);
        soften(pairs.keys, at.lanes, t);
        for (std::int64_t d = 0; d < shape.value_dim; ++d) {
            R* line = t.out + d * at.lanes;
            for (std::int64_t i = 0; i < at.lanes; ++i) line[i] *= t.shrink[i];
        }
        add_product({shape.value_dim, at.lanes, pairs.keys}, transposed(values),
                    Tile<const R>{t.scores, at.lanes}, Tile<R>{t.out, at.lanes});
        return kept;
    }

    void finish(const Unit& at, const ForwardTiles<R>& t) const {
        const std::int64_t dims = rule_.shape.value_dim;
        for (std::int64_t i = 0; i < at.queries; ++i) {
            T* out = row<T>(launch_.out[0], at.row + i) + at.head * dims;
            const R share = R{1} / t.sum[i];
            for (std::int64_t d = 0; d < dims; ++d) {
                out[d] = store<T>(t.out[d * at.lanes + i] * share);
            }
            row<R>(launch_.out[1], at.row + i)[at.head] = t.largest[i] + std::log(t.sum[i]);
        }
    }

    const Launch& launch_;
    ScoreRule rule_;
    const TensorView* sinks_ = nullptr;
};

/// (q (B*Tq, H*D), k (B*Tk, K*D), v (B*Tk, K*Dv) [, bias][, sinks]) -> (out, lse)
void attention_cpu(const Attention& op, const Launch& launch) {
    with_float(launch.in[0].dtype, [&](auto zero) { Forward<decltype(zero)>(op, launch).run(); });
}

}  // namespace

void add_attention_rows(KernelTable& table) {
    set_row<attention_cpu>(table);
    set_row<attention_grad_cpu>(table);
}

}  // namespace headroom
