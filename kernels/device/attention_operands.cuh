#pragma once

// What the host code of the attention kernels shares.

#include <initializer_list>
#include <span>
#include <string>

#include "kernels/device/attention_simple.cuh"
#include "kernels/device/attention_space.cuh"
#include "kernels/device/refuse.h"

namespace headroom::device {

/// Extents of an attention over (q, k, v, ...).
struct AttentionSizes {
    int head_dim = 0;
    int value_dim = 0;
    int sequences = 1;
    int queries = 0;  ///< of a sequence
    int keys = 0;     ///< of a sequence
    int heads = 1;
    int group = 1;  ///< query heads of a key head

    AttentionSizes(const AttentionShape& shape, const Launch& launch)
        : head_dim(static_cast<int>(shape.head_dim)),
          value_dim(static_cast<int>(shape.value_dim)),
          sequences(static_cast<int>(shape.batch)),
          queries(static_cast<int>(launch.in[0].shape[0] / shape.batch)),
          keys(static_cast<int>(launch.in[1].shape[0] / shape.batch)),
          heads(static_cast<int>(launch.in[0].shape[1] / shape.head_dim)),
          group(static_cast<int>(launch.in[0].shape[1] / launch.in[1].shape[1])) {}
};

/// The parameters among an attention's inputs; null: none.
struct AttentionInputs {
    const TensorView* bias = nullptr;
    const TensorView* sinks = nullptr;

    AttentionInputs(std::span<const TensorView> in, bool relative_bias, bool has_sinks) {
        if (relative_bias) bias = &in.front();
        if (has_sinks) sinks = &in[relative_bias ? 1 : 0];
    }
};

/// Keys that the i-th query of a sequence sees.
inline IndexRange keys_of(const AttentionShape& shape, const AttentionSizes& sizes,
                          std::int64_t i) {
    const auto position = query_position(shape, sizes.queries, sizes.keys, i);
    return seen_keys(shape, position, sizes.keys);
}

/// Pairs of a query and a key of one head that the mask keeps.
inline std::int64_t pairs_of(const AttentionShape& shape, const AttentionSizes& sizes) {
    std::int64_t pairs = 0;
    for (int i = 0; i < sizes.queries; ++i) pairs += keys_of(shape, sizes, i).count();
    return pairs;
}

/// The same where tiles are computed as a whole: from the first key that a tile of queries sees to
/// the last.
inline std::int64_t pairs_of_tiles(const AttentionShape& shape, const AttentionSizes& sizes,
                                   std::int64_t queries, std::int64_t keys) {
    std::int64_t tiles = 0;
    for (std::int64_t first = 0; first < sizes.queries; first += queries) {
        const auto last = smaller(first + queries, sizes.queries) - 1;
        const std::int64_t end = keys_of(shape, sizes, last).end;
        tiles += divide_up(end, keys) - keys_of(shape, sizes, first).begin / keys;
    }
    return tiles * queries * keys;
}

/// Adds the FLOPs of the pairs that the mask keeps, of `columns` multiplied and added for each.
inline void count_pairs(const Launch& launch, const AttentionShape& shape,
                        const AttentionSizes& sizes, std::int64_t columns) {
    if (launch.work == nullptr) return;
    count_product(launch, std::int64_t{sizes.sequences} * sizes.heads, pairs_of(shape, sizes),
                  columns);
}

/// `columns` for each pair that is counted, and for each that is computed: those of whole tiles.
struct TileColumns {
    std::int64_t counted;
    std::int64_t computed;
};
template <class Tile>
void count_tiles(const Launch& launch, const AttentionShape& shape, const AttentionSizes& sizes,
                 std::int64_t queries, const TileColumns& columns) {
    if (launch.work == nullptr) return;
    const std::int64_t executed = pairs_of_tiles(shape, sizes, queries, Tile::kKeys);
    const std::int64_t heads = std::int64_t{sizes.sequences} * sizes.heads;
    count_padding(launch, 2 * heads * executed * columns.computed,
                  2 * heads * pairs_of(shape, sizes) * columns.counted);
}

template <class T>
SimpleOperands<T> simple_operands(const Launch& launch, const AttentionSizes& sizes,
                                  const ScoreRule& rule) {
    return {.q = rows_of<const T>(launch.in[0]),
            .k = rows_of<const T>(launch.in[1]),
            .v = rows_of<const T>(launch.in[2]),
            .head_dim = sizes.head_dim,
            .value_dim = sizes.value_dim,
            .group = sizes.group,
            .rule = rule};
}

/// Whether every head's rows of 16-bit elements can be copied 16 bytes at a time.
inline bool copies_in_chunks(const AttentionShape& shape,
                             std::initializer_list<const TensorView*> views) {
    return shape.head_dim % 8 == 0 && shape.value_dim % 8 == 0 && rows_aligned(8, views);
}

/// Why no kernel takes the shape; empty: one does.
inline std::string refuse_scores(const Op& op, const AttentionShape& shape, const Launch& launch,
                                 const TensorView* bias) {
    if (auto wide = refuse_f64(op, launch); !wide.empty()) return wide;
    const std::int64_t widest = larger(shape.head_dim, shape.value_dim);
    if (widest > kSimpleColumns) {
        return "attention heads of " + std::to_string(widest) +
               " columns; the CUDA kernels take up to " + std::to_string(kSimpleColumns);
    }
    constexpr std::int64_t kMostSequences = 65535;  // a grid's third extent
    if (shape.batch > kMostSequences) {
        return "a batch of " + std::to_string(shape.batch) +
               " sequences in a CUDA attention, which takes " + std::to_string(kMostSequences);
    }
    constexpr std::int64_t kMostKeys = 1 << 29;
    if (launch.in[1].shape[0] / shape.batch > kMostKeys) {
        return "sequences beyond 2^29 keys in a CUDA attention";
    }
    return bias == nullptr ? std::string{} : refuse_buckets(*bias);
}

}  // namespace headroom::device
