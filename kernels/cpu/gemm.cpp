#include "kernels/cpu/gemm.h"

#include <cblas.h>
#include <omp.h>

#include <algorithm>
#include <array>
#include <span>
#include <type_traits>

#include "kernels/cpu/convert.h"
#include "kernels/cpu/dispatch.h"
#include "kernels/cpu/elements.h"
#include "kernels/cpu/runs.h"
#include "planner/base/error.h"

namespace headroom {
namespace {

/// Tiles are of one of these many rows and columns: the most that leave kWanted tiles to share out
/// among threads. The choice knows only shapes, so results do not depend on the number of threads.
constexpr std::array<std::int64_t, 4> kEdges{512, 256, 128, 64};
constexpr std::int64_t kWanted = 32;
/// Of tiles that are converted: 256 FLOPs for each converted number, room for many threads.
constexpr std::int64_t kConvertedEdge = 256;
constexpr std::int64_t kConvertedDepth = 256;
/// Fewer FLOPs than this are done by one thread.
constexpr std::int64_t kWorthThreads = 1 << 18;
/// Columns of one thread's sums.
constexpr std::int64_t kColumns = 64;

struct Window {
    std::int64_t row = 0;
    std::int64_t column = 0;
    std::int64_t rows = 0;
    std::int64_t columns = 0;
};

/// Where a window of a factor lies in the matrix as stored.
Window as_stored(const Window& w, Form form) {
    if (form == Form::stored) return w;
    return {.row = w.column, .column = w.row, .rows = w.columns, .columns = w.rows};
}

std::int64_t rows_of(const Factor& f) {
    return f.form == Form::stored ? f.matrix.rows : f.matrix.columns;
}
std::int64_t columns_of(const Factor& f) {
    return f.form == Form::stored ? f.matrix.columns : f.matrix.rows;
}

template <class R>
bool stored_as(const MatrixView& m) {
    return m.dtype == (std::is_same_v<R, double> ? DType::f64 : DType::f32);
}

/// Numbers of type R in rows `stride` apart.
template <class R>
struct Block {
    R* data = nullptr;
    std::int64_t stride = 0;
};

template <class R>
Block<R> block_of(const MatrixView& m, const Window& w) {
    return {reinterpret_cast<R*>(m.data) + w.row * m.stride + w.column, m.stride};
}

void load_numbers(DType dtype, const std::byte* from, std::int64_t count, float* to) {
    load_floats(dtype, from, count, to);
}
void load_numbers(DType dtype, const std::byte* from, std::int64_t count, double* to) {
    with_float(dtype, [&](auto zero) {
        using T = decltype(zero);
        const T* numbers = reinterpret_cast<const T*>(from);
        std::transform(numbers, numbers + count, to,
                       [](T x) { return static_cast<double>(load(x)); });
    });
}
void store_numbers(DType dtype, const float* from, std::int64_t count, std::byte* to) {
    store_floats(dtype, from, count, to);
}
void store_numbers(DType dtype, const double* from, std::int64_t count, std::byte* to) {
    with_float(dtype, [&](auto zero) {
        using T = decltype(zero);
        std::transform(from, from + count, reinterpret_cast<T*>(to),
                       [](double x) { return store<T>(x); });
    });
}

std::byte* place(const MatrixView& m, std::int64_t row, std::int64_t column) {
    return m.data + bytes_of(row * m.stride + column, m.dtype);
}

template <class R>
void load_window(const MatrixView& from, const Window& w, const Block<R>& to) {
    for (std::int64_t r = 0; r < w.rows; ++r) {
        load_numbers(from.dtype, place(from, w.row + r, w.column), w.columns,
                     to.data + r * to.stride);
    }
}

template <class R>
void store_window(const Block<R>& from, const MatrixView& to, const Window& w) {
    for (std::int64_t r = 0; r < w.rows; ++r) {
        store_numbers(to.dtype, from.data + r * from.stride, w.columns,
                      place(to, w.row + r, w.column));
    }
}

template <class R>
void clear(const Block<R>& block, const Window& w) {
    for (std::int64_t r = 0; r < w.rows; ++r) {
        std::fill_n(block.data + r * block.stride, w.columns, R{0});
    }
}

std::int64_t tiles_in(std::int64_t extent, std::int64_t edge) { return (extent + edge - 1) / edge; }

/// The rows and columns of the tiles of a matrix, at most `most`.
std::int64_t edge_for(const MatrixView& to, std::int64_t most) {
    for (const std::int64_t edge : kEdges) {
        if (edge > most) continue;
        if (tiles_in(to.rows, edge) * tiles_in(to.columns, edge) >= kWanted) return edge;
    }
    return kEdges.back();
}

/// How a product is cut, and the numbers of R that a thread converts at once.
template <class R>
class Tiling {
public:
    Tiling(const Product& p, const MatrixView& to)
        : a_(!stored_as<R>(p.a.matrix)),
          b_(!stored_as<R>(p.b.matrix)),
          c_(!stored_as<R>(to)),
          depth_(columns_of(p.a)) {
        const bool converts = a_ || b_ || c_;
        const std::int64_t edge = edge_for(to, converts ? kConvertedEdge : kEdges.front());
        rows_ = std::min(edge, to.rows);
        columns_ = std::min(edge, to.columns);
        if (converts) depth_ = std::min(depth_, kConvertedDepth);
    }

    [[nodiscard]] std::int64_t rows() const { return rows_; }
    [[nodiscard]] std::int64_t columns() const { return columns_; }
    [[nodiscard]] std::int64_t depth() const { return depth_; }
    [[nodiscard]] std::int64_t in_a() const { return a_ ? rows_ * depth_ : 0; }
    [[nodiscard]] std::int64_t in_b() const { return b_ ? columns_ * depth_ : 0; }
    [[nodiscard]] std::int64_t in_c() const { return c_ ? rows_ * columns_ : 0; }
    [[nodiscard]] std::int64_t space() const { return in_a() + in_b() + in_c(); }

    /// Cuts the tiles until what one thread needs fits in `room`.
    void shrink(std::int64_t room) {
        while (space() > room) {
            std::int64_t& edge = rows_ > columns_ ? rows_ : columns_;
            if (edge <= 1) throw InternalError("a matrix product needs a larger workspace");
            edge = (edge + 1) / 2;
        }
    }

private:
    bool a_;
    bool b_;
    bool c_;
    std::int64_t depth_;
    std::int64_t rows_ = 0;
    std::int64_t columns_ = 0;
};

CBLAS_TRANSPOSE transpose(Form form) { return form == Form::stored ? CblasNoTrans : CblasTrans; }

/// c (rows, columns) = scale * a * b + keep * c.
struct Call {
    Form a_form = Form::stored;
    Form b_form = Form::stored;
    blasint rows = 0;
    blasint columns = 0;
    blasint depth = 0;
    double scale = 1.0;
    double keep = 0.0;
};

void gemm(const Call& call, const Block<float>& a, const Block<float>& b, const Block<float>& c) {
    cblas_sgemm(CblasRowMajor, transpose(call.a_form), transpose(call.b_form), call.rows,
                call.columns, call.depth, static_cast<float>(call.scale), a.data,
                static_cast<blasint>(a.stride), b.data, static_cast<blasint>(b.stride),
                static_cast<float>(call.keep), c.data, static_cast<blasint>(c.stride));
}
void gemm(const Call& call, const Block<double>& a, const Block<double>& b,
          const Block<double>& c) {
    cblas_dgemm(CblasRowMajor, transpose(call.a_form), transpose(call.b_form), call.rows,
                call.columns, call.depth, call.scale, a.data, static_cast<blasint>(a.stride),
                b.data, static_cast<blasint>(b.stride), call.keep, c.data,
                static_cast<blasint>(c.stride));
}

/// A product whose sums are of type R, tile by tile; every sum lies in one tile.
template <class R>
class Multiplication {
public:
    Multiplication(const Product& product, const MatrixView& to, const Launch& launch)
        : p_(product),
          to_(to),
          tiling_(product, to),
          space_(launch.workspace.as<R>()),
          room_(scratch_capacity<R>(launch)) {
        tiling_.shrink(room_);
    }

    /// FLOPs executed.
    [[nodiscard]] std::int64_t run() const {
        const std::int64_t across = tiles_in(to_.columns, tiling_.columns());
        const std::int64_t tiles = tiles_in(to_.rows, tiling_.rows()) * across;
        std::int64_t flops = 0;
#pragma omp parallel for schedule(dynamic) num_threads(threads(tiles)) reduction(+ : flops)
        for (std::int64_t i = 0; i < tiles; ++i) {
            const std::int64_t row = i / across * tiling_.rows();
            const std::int64_t column = i % across * tiling_.columns();
            flops += tile({row, column, std::min(tiling_.rows(), to_.rows - row),
                           std::min(tiling_.columns(), to_.columns - column)},
                          space_ + omp_get_thread_num() * tiling_.space());
        }
        return flops;
    }

private:
    /// No more than have something to do, and room to do it in.
    [[nodiscard]] int threads(std::int64_t tiles) const {
        if (2 * to_.rows * to_.columns * columns_of(p_.a) < kWorthThreads) return 1;
        std::int64_t most = std::min<std::int64_t>(omp_get_max_threads(), tiles);
        if (tiling_.space() > 0) most = std::min(most, room_ / tiling_.space());
        return static_cast<int>(most);
    }

    /// All terms of one tile's sums, and their rounding.
    std::int64_t tile(const Window& w, R* space) const {
        const bool direct = stored_as<R>(to_);
        const Block<R> sums = direct ? block_of<R>(to_, w)
                                     : Block<R>{space + tiling_.in_a() + tiling_.in_b(), w.columns};
        const bool starts = p_.plus.data != nullptr;
        const bool in_place = direct && p_.plus.data == to_.data;
        if (starts && !in_place) load_window(p_.plus, w, sums);
        const std::int64_t depth = columns_of(p_.a);
        if (!starts && depth == 0) clear(sums, w);
        for (std::int64_t k = 0; k < depth; k += tiling_.depth()) {
            const std::int64_t terms = std::min(tiling_.depth(), depth - k);
            const auto a = operand(p_.a, {w.row, k, w.rows, terms}, space);
            const auto b = operand(p_.b, {k, w.column, terms, w.columns}, space + tiling_.in_a());
            gemm({.a_form = p_.a.form,
                  .b_form = p_.b.form,
                  .rows = static_cast<blasint>(w.rows),
                  .columns = static_cast<blasint>(w.columns),
                  .depth = static_cast<blasint>(terms),
                  .scale = p_.scale,
                  .keep = k > 0 || starts ? 1.0 : 0.0},
                 a, b, sums);
        }
        if (!direct) store_window(sums, to_, w);
        return 2 * w.rows * w.columns * depth;
    }

    Block<R> operand(const Factor& factor, const Window& wanted, R* space) const {
        const Window w = as_stored(wanted, factor.form);
        if (stored_as<R>(factor.matrix)) return block_of<R>(factor.matrix, w);
        const Block<R> converted{space, w.columns};
        load_window(factor.matrix, w, converted);
        return converted;
    }

    const Product& p_;
    const MatrixView& to_;
    Tiling<R> tiling_;
    R* space_;
    std::int64_t room_;
};

/// Throws unless shapes fit and all numbers are floating.
void check_fit(const Product& product, const MatrixView& to) {
    if (rows_of(product.a) != to.rows || columns_of(product.b) != to.columns ||
        columns_of(product.a) != rows_of(product.b)) {
        throw InternalError("factors of a matrix product do not fit together");
    }
    // Now, because nothing can be thrown between threads.
    for (const MatrixView& m : {product.a.matrix, product.b.matrix, product.plus, to}) {
        with_float(m.dtype, [](auto) {});
    }
}

/// Sums of columns from `first` on; in double, so that the number of rows hardly matters.
void add_rows(const MatrixView& from, std::int64_t first, std::span<double> sums) {
    std::array<double, kColumns> line{};
    for (std::int64_t r = 0; r < from.rows; ++r) {
        load_numbers(from.dtype, place(from, r, first), std::ssize(sums), line.data());
        for (std::size_t c = 0; c < sums.size(); ++c) sums[c] += line[c];
    }
}

}  // namespace

MatrixView matrix(const TensorView& view) {
    return {.data = view.data,
            .dtype = view.dtype,
            .rows = view.rows(),
            .columns = view.columns(),
            .stride = view.stride};
}

MatrixView row_block(const MatrixView& whole, std::int64_t first, std::int64_t rows) {
    MatrixView part = whole;
    part.data += bytes_of(first * whole.stride, whole.dtype);
    part.rows = rows;
    return part;
}

MatrixView repeated(const MatrixView& row, std::int64_t rows) {
    MatrixView equal = row;
    equal.rows = rows;
    equal.stride = 0;
    return equal;
}

void multiply(const Product& product, const MatrixView& to, const Launch& launch) {
    check_fit(product, to);
    if (to.rows == 0 || to.columns == 0) return;
    openblas_set_num_threads(1);  // threads share out tiles; each calls the library by itself
    const std::int64_t flops = product.a.matrix.dtype == DType::f64
                                   ? Multiplication<double>(product, to, launch).run()
                                   : Multiplication<float>(product, to, launch).run();
    if (launch.work != nullptr) launch.work->matrix += flops;
}

void sum_columns(const MatrixView& from, const MatrixView& plus, const MatrixView& to,
                 const Launch& launch) {
    const std::int64_t blocks = tiles_in(to.columns, kColumns);
#pragma omp parallel for schedule(static) if (from.rows * from.columns >= kParallelElements)
    for (std::int64_t block = 0; block < blocks; ++block) {
        const std::int64_t first = block * kColumns;
        const std::int64_t count = std::min(kColumns, to.columns - first);
        std::array<double, kColumns> sums{};
        if (plus.data != nullptr)
            load_numbers(plus.dtype, place(plus, 0, first), count, sums.data());
        add_rows(from, first, std::span(sums).first(static_cast<std::size_t>(count)));
        store_numbers(to.dtype, sums.data(), count, place(to, 0, first));
    }
    count_vector(launch, from.rows * from.columns);
}

}  // namespace headroom
