#include "kernels/cpu/tile.h"

#include <cstring>

#include "kernels/cpu/clones.h"

namespace headroom {
namespace {

/// 64 bytes of numbers: one register of the widest vector units, more of the others.
template <class R>
inline constexpr std::int64_t kLanes = 64 / static_cast<std::int64_t>(sizeof(R));
template <class R>
struct LanesOf {
    using type [[gnu::vector_size(64)]] = R;
};

/// Rows whose sums stay in registers: with 256-bit vectors, in twelve of sixteen.
constexpr std::int64_t kRows = 6;

/// `rows` rows of kLanes columns.
template <std::int64_t rows, class R>
[[gnu::always_inline]] inline void strip(std::int64_t terms, const Tile<const R>& a,
                                         const Tile<const R>& b, const Tile<R>& c) {
    using Lanes = typename LanesOf<R>::type;
    Lanes sum[rows];
    for (std::int64_t i = 0; i < rows; ++i) {
        std::memcpy(&sum[i], c.data + i * c.row, sizeof(Lanes));
    }
    for (std::int64_t t = 0; t < terms; ++t) {
        Lanes term;
        std::memcpy(&term, b.data + t * b.row, sizeof(Lanes));
        const R* factor = a.data + t * a.column;
        for (std::int64_t i = 0; i < rows; ++i) sum[i] += factor[i * a.row] * term;
    }
    for (std::int64_t i = 0; i < rows; ++i) {
        std::memcpy(c.data + i * c.row, &sum[i], sizeof(Lanes));
    }
}

/// The last, fewer than kLanes, columns.
template <class R>
[[gnu::always_inline]] inline void edge(const TileProduct& size, const Tile<const R>& a,
                                        const Tile<const R>& b, const Tile<R>& c) {
    for (std::int64_t i = 0; i < size.rows; ++i) {
        R* sum = c.data + i * c.row;
        for (std::int64_t t = 0; t < size.terms; ++t) {
            const R factor = a.data[i * a.row + t * a.column];
            const R* term = b.data + t * b.row;
            for (std::int64_t j = 0; j < size.columns; ++j) sum[j] += factor * term[j];
        }
    }
}

/// The last, fewer than kRows, rows of kLanes columns.
template <class R>
[[gnu::always_inline]] inline void last_rows(std::int64_t rows, std::int64_t terms,
                                             const Tile<const R>& a, const Tile<const R>& b,
                                             const Tile<R>& c) {
    static_assert(kRows == 6);
    switch (rows) {
        case 1:
            return strip<1>(terms, a, b, c);
        case 2:
            return strip<2>(terms, a, b, c);
        case 3:
            return strip<3>(terms, a, b, c);
        case 4:
            return strip<4>(terms, a, b, c);
        case 5:
            return strip<5>(terms, a, b, c);
        default:
            return;
    }
}

template <class R>
[[gnu::always_inline]] inline void multiply(const TileProduct& size, const Tile<const R>& a,
                                            const Tile<const R>& b, const Tile<R>& c) {
    std::int64_t j = 0;
    for (; j + kLanes<R> <= size.columns; j += kLanes<R>) {
        const Tile<const R> columns{b.data + j, b.row};
        std::int64_t i = 0;
        for (; i + kRows <= size.rows; i += kRows) {
            strip<kRows>(size.terms, Tile<const R>{a.data + i * a.row, a.row, a.column}, columns,
                         Tile<R>{c.data + i * c.row + j, c.row});
        }
        last_rows(size.rows - i, size.terms, Tile<const R>{a.data + i * a.row, a.row, a.column},
                  columns, Tile<R>{c.data + i * c.row + j, c.row});
    }
    if (j == size.columns) return;
    edge(TileProduct{size.rows, size.columns - j, size.terms}, a, Tile<const R>{b.data + j, b.row},
         Tile<R>{c.data + j, c.row});
}

}  // namespace

HEADROOM_CLONES void add_product(const TileProduct& size, const Tile<const float>& a,
                                 const Tile<const float>& b, const Tile<float>& c) {
    multiply(size, a, b, c);
}
HEADROOM_CLONES void add_product(const TileProduct& size, const Tile<const double>& a,
                                 const Tile<const double>& b, const Tile<double>& c) {
    multiply(size, a, b, c);
}

}  // namespace headroom
