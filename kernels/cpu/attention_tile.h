#pragma once

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernels/attention_mask.h"
#include "kernels/cpu/dispatch.h"
#include "kernels/cpu/elements.h"
#include "kernels/cpu/runs.h"
#include "kernels/cpu/slices.h"
#include "kernels/cpu/tile.h"
#include "kernels/launch.h"

namespace headroom {

void attention_grad_cpu(const AttentionGrad& op, const Launch& launch);

/// Queries and keys of a tile of scores.
inline constexpr std::int64_t kScoreEdge = 64;
/// A masked score and, above it, the largest of no scores: finite, so that differences of scores
/// are numbers, and so far apart that e to the difference is 0.
inline constexpr double kMaskedScore = -1e30;
inline constexpr double kNoScore = -1e20;

/// Which pairs a tile holds.
struct TilePairs {
    std::int64_t position = 0;  ///< of the first query
    std::int64_t queries = 0;
    std::int64_t key = 0;  ///< the first one
    std::int64_t keys = 0;
};
/// Scores are stored with queries or with keys along the rows of memory.
enum class Lanes : std::uint8_t { queries, keys };

/// What the scores of an attention are made of, beside q and k.
struct ScoreRule {
    AttentionShape shape{};
    std::int64_t heads = 0;
    std::int64_t kv_heads = 0;
    std::int64_t queries = 0;  ///< of one sequence
    std::int64_t keys = 0;     ///< of one sequence
    double scale = 1.0;
    const TensorView* relative = nullptr;  ///< (buckets, heads); null: none

    [[nodiscard]] bool biased() const { return shape.alibi || relative != nullptr; }
    [[nodiscard]] std::int64_t kv_head(std::int64_t head) const {
        return head / (heads / kv_heads);
    }
};

inline ScoreRule score_rule(const AttentionShape& shape, const TensorView& q, const TensorView& k) {
    ScoreRule rule{.shape = shape};
    rule.heads = q.columns() / shape.head_dim;
    rule.kv_heads = k.columns() / shape.head_dim;
    rule.queries = q.rows() / shape.batch;
    rule.keys = k.rows() / shape.batch;
    rule.scale =
        shape.scale != 0.0 ? shape.scale : 1.0 / std::sqrt(static_cast<double>(shape.head_dim));
    return rule;
}

/// One number of a parameter of any dtype.
inline double number_at(const TensorView& view, std::int64_t row_index, std::int64_t column) {
    return with_float(view.dtype, [&](auto zero) {
        return static_cast<double>(load(row<decltype(zero)>(view, row_index)[column]));
    });
}

/// Stores a number of a gradient of any dtype, added to what is there or not.
inline void put_number(const TensorView& view, std::int64_t row_index, std::int64_t column,
                       bool added, double value) {
    with_float(view.dtype, [&](auto zero) {
        using T = decltype(zero);
        T& number = row<T>(view, row_index)[column];
        number = store<T>(added ? static_cast<double>(load(number)) + value : value);
    });
}

/// What is added to the score of a key at `offset` = key - query.
inline double score_bias(const ScoreRule& rule, std::int64_t head, std::int64_t offset) {
    double bias = 0.0;
    if (rule.shape.alibi) {
        bias -= alibi_slope(head, rule.heads) * std::abs(static_cast<double>(offset));
    }
    if (rule.relative != nullptr) {
        const auto buckets = rule.relative->shape[0];
        bias += number_at(*rule.relative, relative_bucket(rule.shape, buckets, offset), head);
    }
    return bias;
}

/// Bias by offset: of the pair (query i, key j) of a tile at element j - i + queries - 1.
template <class R>
void fill_bias(const ScoreRule& rule, std::int64_t head, const TilePairs& pairs, R* bias) {
    const std::int64_t lowest = pairs.key - (pairs.position + pairs.queries - 1);
    for (std::int64_t i = 0; i < pairs.queries + pairs.keys - 1; ++i) {
        bias[i] = static_cast<R>(score_bias(rule, head, lowest + i));
    }
}

template <class R>
void add_bias(const TilePairs& pairs, Lanes lanes, const R* bias, const Tile<R>& scores) {
    const Tile<R> s = lanes == Lanes::keys ? scores : transposed(scores);
    for (std::int64_t i = 0; i < pairs.queries; ++i) {
        const R* from_query = bias + pairs.queries - 1 - i;
        for (std::int64_t j = 0; j < pairs.keys; ++j) {
            s.data[i * s.row + j * s.column] += from_query[j];
        }
    }
}

/// Overwrites the scores of masked pairs. -> how many are not.
template <class R>
std::int64_t mask_scores(const ScoreRule& rule, const TilePairs& pairs, Lanes lanes,
                         const Tile<R>& scores) {
    const auto& shape = rule.shape;
    const std::int64_t last = pairs.position + pairs.queries - 1;
    const bool whole = seen_keys(shape, pairs.position, rule.keys).end >= pairs.key + pairs.keys &&
                       seen_keys(shape, last, rule.keys).begin <= pairs.key;
    if (whole) return pairs.queries * pairs.keys;
    const bool by_key = lanes == Lanes::queries;
    const std::int64_t rows = by_key ? pairs.keys : pairs.queries;
    const std::int64_t width = by_key ? pairs.queries : pairs.keys;
    std::int64_t kept = 0;
    for (std::int64_t r = 0; r < rows; ++r) {
        IndexRange seen;
        if (by_key) {
            seen = seeing_queries(shape, pairs.key + r, pairs.position, pairs.queries);
        } else {
            const IndexRange keys = seen_keys(shape, pairs.position + r, rule.keys);
            seen.begin = std::clamp<std::int64_t>(keys.begin - pairs.key, 0, width);
            seen.end = std::clamp<std::int64_t>(keys.end - pairs.key, seen.begin, width);
        }
        R* line = scores.data + r * scores.row;
        std::fill(line, line + std::min(seen.begin, width), static_cast<R>(kMaskedScore));
        std::fill(line + std::max(seen.end, seen.begin), line + width,
                  static_cast<R>(kMaskedScore));
        kept += seen.count();
    }
    return kept;
}

/// Copies rows of storage into a tile.
template <class T, class R>
Tile<const R> load_rows(const T* from, std::int64_t stride, std::int64_t rows, std::int64_t columns,
                        R* to) {
    for (std::int64_t i = 0; i < rows; ++i) load_run(from + i * stride, columns, to + i * columns);
    return {to, columns};
}

/// Elements along a row of scores for `count` queries or keys: whole vectors.
constexpr std::int64_t lanes_of(std::int64_t count) { return (count + 15) / 16 * 16; }

/// Copies rows of storage into the columns of a tile, times `scale`; the lanes that are left
/// become 0.
template <class T, class R>
Tile<const R> load_columns(const T* from, std::int64_t stride, std::int64_t rows,
                           std::int64_t columns, R scale, R* to) {
    const std::int64_t lanes = lanes_of(rows);
    for (std::int64_t j = 0; j < columns; ++j) {
        R* line = to + j * lanes;
        for (std::int64_t i = 0; i < rows; ++i) line[i] = scale * load(from[i * stride + j]);
        std::fill(line + rows, line + lanes, R{0});
    }
    return {to, lanes};
}

/// Threads for `units` equal tasks of some FLOPs in all.
inline int thread_count(const Slices& slices, std::int64_t slice, std::int64_t units,
                        std::int64_t flops) {
    constexpr std::int64_t kFlopsWorthThreads = 1 << 18;
    const std::int64_t wanted =
        flops < kFlopsWorthThreads ? 1 : std::min<std::int64_t>(units, omp_get_max_threads());
    return slices.parts(slice, static_cast<int>(wanted));
}

}  // namespace headroom
