#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/launch.h"
#include "planner/base/dtype.h"

namespace headroom {

/// A matrix where it lies: `stride` elements from one row to the next; no data: no matrix.
struct MatrixView {
    std::byte* data = nullptr;
    DType dtype = DType::f32;
    std::int64_t rows = 0;
    std::int64_t columns = 0;
    std::int64_t stride = 0;
};

/// All rows of a view of any rank.
MatrixView matrix(const TensorView& view);
/// `rows` of its rows, from `first` on.
MatrixView row_block(const MatrixView& whole, std::int64_t first, std::int64_t rows);
/// One row standing for `rows` equal ones (a bias).
MatrixView repeated(const MatrixView& row, std::int64_t rows);

/// How a factor is read.
enum class Form : std::uint8_t { stored, transposed };
struct Factor {
    MatrixView matrix{};
    Form form = Form::stored;
};

/// scale * a (m, k) * b (k, n) + plus (m, n), where there is a `plus`.
struct Product {
    Factor a{};
    Factor b{};
    MatrixView plus{};
    double scale = 1.0;
};

/// to (m, n) = the product, in f32 (f64 when `a` is f64) and rounded once. `plus` may be `to`.
/// What is stored in another dtype is converted by tiles in launch.workspace, whatever its size.
/// The sums do not depend on the number of threads. OpenBLAS is left to run in its caller's thread.
void multiply(const Product& product, const MatrixView& to, const Launch& launch);

/// to (1, n) = the sum of each column of `from` (m, n), first row to last, + plus (1, n).
void sum_columns(const MatrixView& from, const MatrixView& plus, const MatrixView& to,
                 const Launch& launch);

}  // namespace headroom
