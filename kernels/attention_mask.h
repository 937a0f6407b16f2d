#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/host_device.h"
#include "planner/step/op/attention.h"

namespace headroom {

/// Indices begin <= i < end.
struct IndexRange {
    std::int64_t begin = 0;
    std::int64_t end = 0;
    [[nodiscard]] HEADROOM_HOST_DEVICE constexpr std::int64_t count() const {
        return end > begin ? end - begin : 0;
    }
};

HEADROOM_HOST_DEVICE constexpr std::int64_t smaller(std::int64_t a, std::int64_t b) {
    return a < b ? a : b;
}
HEADROOM_HOST_DEVICE constexpr std::int64_t larger(std::int64_t a, std::int64_t b) {
    return a < b ? b : a;
}

/// Queries of one sequence whose positions follow each other.
struct QueryRun {
    std::int64_t first = 0;  ///< index among the rank's queries
    std::int64_t count = 0;
    std::int64_t position = 0;  ///< of the first one
};

/// Runs of a sequence's queries. A context rank has fewer queries than there are keys, and causal
/// ones are dealt out from both ends so that every rank has as many pairs: here the first and the
/// last block of them all.
HEADROOM_HOST_DEVICE constexpr int query_runs(const AttentionShape& shape, std::int64_t queries,
                                              std::int64_t keys) {
    return shape.causal && queries < keys ? 2 : 1;
}
HEADROOM_HOST_DEVICE constexpr QueryRun query_run(const AttentionShape& shape, std::int64_t queries,
                                                  std::int64_t keys, int run) {
    if (query_runs(shape, queries, keys) == 1) return {0, queries, 0};
    const std::int64_t half = queries / 2;
    return run == 0 ? QueryRun{0, half, 0} : QueryRun{half, queries - half, keys - queries + half};
}

/// Position of the i-th of a sequence's queries.
HEADROOM_HOST_DEVICE constexpr std::int64_t query_position(const AttentionShape& shape,
                                                           std::int64_t queries, std::int64_t keys,
                                                           std::int64_t i) {
    const int runs = query_runs(shape, queries, keys);
    const QueryRun run = query_run(shape, queries, keys, runs == 2 && i >= queries / 2 ? 1 : 0);
    return run.position + i - run.first;
}

/// Keys that the query at `position` attends to.
HEADROOM_HOST_DEVICE constexpr IndexRange seen_keys(const AttentionShape& shape,
                                                    std::int64_t position, std::int64_t keys) {
    const std::int64_t window = shape.window > 0 ? shape.window : keys + position + 1;
    const std::int64_t past = shape.causal ? position + 1 : position + window;
    return {larger(0, position - window + 1), smaller(keys, past)};
}

/// Queries at positions [first, first + count) that attend to `key`, counted from `first`.
HEADROOM_HOST_DEVICE constexpr IndexRange seeing_queries(const AttentionShape& shape,
                                                         std::int64_t key, std::int64_t first,
                                                         std::int64_t count) {
    const std::int64_t last = first + count;
    const std::int64_t window = shape.window > 0 ? shape.window : last + key + 1;
    const std::int64_t from = shape.causal ? key : key - window + 1;
    return {smaller(count, larger(0, from - first)),
            smaller(count, larger(0, key + window - first))};
}

/// ALiBi (Press et al. 2022): a score falls by slope * distance. 2^(-8 (h + 1) / H) when H is a
/// power of two; the heads beyond the largest power of two take every other slope of twice as many.
HEADROOM_HOST_DEVICE inline double alibi_slope(std::int64_t head, std::int64_t heads) {
    std::int64_t power = 1;
    while (2 * power <= heads) power *= 2;
    const auto p = static_cast<double>(power);
    if (head < power) return std::exp2(-8.0 * static_cast<double>(head + 1) / p);
    return std::exp2(-4.0 * static_cast<double>(2 * (head - power) + 1) / p);
}

/// Distances from here on share the last bucket of a relative bias.
inline constexpr double kRelativeDistance = 128.0;

/// T5's bucket (Raffel et al. 2020) of a key at `offset` = key - query: half of the buckets for
/// exact distances, the others spaced by the distance's logarithm. Encoders (not causal) keep one
/// half of all buckets for keys behind the query.
HEADROOM_HOST_DEVICE inline std::int64_t relative_bucket(const AttentionShape& shape,
                                                         std::int64_t buckets,
                                                         std::int64_t offset) {
    std::int64_t first = 0;
    std::int64_t distance = larger(0, -offset);
    if (!shape.causal) {
        buckets /= 2;
        first = offset > 0 ? buckets : 0;
        distance = larger(offset, -offset);
    }
    const std::int64_t exact = buckets / 2;
    if (distance < exact) return first + distance;
    const auto start = static_cast<double>(exact);
    // The small term keeps a distance that lies on a boundary on its own side of the rounding.
    const double part =
        std::log(static_cast<double>(distance) / start) / std::log(kRelativeDistance / start) +
        1e-9;
    const auto step = static_cast<std::int64_t>(part * static_cast<double>(buckets - exact));
    return first + smaller(exact + step, buckets - 1);
}

}  // namespace headroom
