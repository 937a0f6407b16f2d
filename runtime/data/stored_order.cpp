#include "runtime/data/stored_order.h"

#include <algorithm>
#include <cstring>

namespace headroom {
namespace {

/// Row of a fused query, key and value in a file that groups rows by key/value head: a group's
/// query heads, its key head, its value head. Ours are all queries, all keys, all values.
std::int64_t grouped_row(std::int64_t row, const AttentionSpec& attention) {
    const std::int64_t dim = attention.head_dim;
    const std::int64_t queries = attention.heads / attention.kv_heads;
    const std::int64_t head = row / dim;
    const std::int64_t beyond = head - attention.heads;
    std::int64_t stored = head / queries * (queries + 2) + head % queries;
    if (beyond >= 0) {
        stored =
            beyond % attention.kv_heads * (queries + 2) + queries + beyond / attention.kv_heads;
    }
    return stored * dim + row % dim;
}

/// Calls move(ours, stored, bytes) for every run of bytes that lies together in both orders.
template <class Move>
void for_each_run(const WeightPiece& piece, const AttentionSpec& attention, std::size_t width,
                  const Move& move) {
    const auto rows = static_cast<std::size_t>(piece.shape[0]);
    const std::size_t columns = static_cast<std::size_t>(numel(piece.shape)) / rows;
    switch (piece.layout) {
        case StoredLayout::plain:
            move(0, 0, rows * columns * width);
            break;
        case StoredLayout::transposed:
            for (std::size_t i = 0; i < rows * columns; ++i) {
                move(i * width, (i % columns * rows + i / columns) * width, width);
            }
            break;
        case StoredLayout::grouped:
            for (std::size_t row = 0; row < rows; ++row) {
                const auto stored = grouped_row(static_cast<std::int64_t>(row), attention);
                move(row * columns * width, static_cast<std::size_t>(stored) * columns * width,
                     columns * width);
            }
            break;
    }
}

}  // namespace

std::vector<std::int64_t> stored_shape(const WeightPiece& piece) {
    const auto extents = piece.shape.extents();
    std::vector<std::int64_t> shape(extents.begin(), extents.end());
    if (piece.layout == StoredLayout::transposed) std::ranges::reverse(shape);
    return shape;
}

void from_stored_order(const WeightPiece& piece, const AttentionSpec& attention, std::size_t width,
                       std::span<const std::byte> stored, std::span<std::byte> ours) {
    for_each_run(piece, attention, width, [&](std::size_t to, std::size_t from, std::size_t count) {
        std::memcpy(ours.data() + to, stored.data() + from, count);
    });
}

void to_stored_order(const WeightPiece& piece, const AttentionSpec& attention, std::size_t width,
                     std::span<const std::byte> ours, std::span<std::byte> stored) {
    for_each_run(piece, attention, width, [&](std::size_t from, std::size_t to, std::size_t count) {
        std::memcpy(stored.data() + to, ours.data() + from, count);
    });
}

}  // namespace headroom
