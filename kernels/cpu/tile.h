#pragma once

#include <cstdint>

namespace headroom {

/// Numbers in rows: element (i, j) lies at data[i * row + j * column].
template <class R>
struct Tile {
    R* data = nullptr;
    std::int64_t row = 0;
    std::int64_t column = 1;
};
template <class R>
Tile<R> transposed(const Tile<R>& tile) {
    return {tile.data, tile.column, tile.row};
}

/// Rows and columns of a product and the terms of its sums.
struct TileProduct {
    std::int64_t rows = 0;
    std::int64_t columns = 0;
    std::int64_t terms = 0;
};

/// c (rows, columns) += a (rows, terms) * b (terms, columns) on one thread, terms in order, for
/// tiles that fit the nearest caches. The columns of b and c lie side by side.
void add_product(const TileProduct& size, const Tile<const float>& a, const Tile<const float>& b,
                 const Tile<float>& c);
void add_product(const TileProduct& size, const Tile<const double>& a, const Tile<const double>& b,
                 const Tile<double>& c);

}  // namespace headroom
