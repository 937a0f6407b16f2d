#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>

#include "kernels/launch.h"

namespace headroom {

/// A matrix stored by rows, `stride` elements from one row to the next.
struct Matrix {
    std::byte* data = nullptr;
    std::int64_t rows = 0;
    std::int64_t columns = 0;
    std::int64_t stride = 0;
    DType dtype = DType::bf16;
};

/// All rows of a tensor, one below the other.
Matrix matrix_of(const TensorView& view);
/// Rows [first, first + count) and columns [first, first + count) of a matrix.
Matrix rows_of(const Matrix& matrix, std::int64_t first, std::int64_t count);
Matrix columns_of(const Matrix& matrix, std::int64_t first, std::int64_t count);

/// How a factor of a product lies in memory: as it is multiplied, or as its transpose.
enum class Stored : std::uint8_t { plain, transposed };
/// Whether a product has the same extents whenever it is called. Those that vary (rows of one
/// expert) share an algorithm with their neighbours.
enum class Extents : std::uint8_t { fixed, vary };

/// D (m, n) = alpha * A (m, k) * B (k, n) + beta * D [+ bias (n) on every row].
struct Gemm {
    Matrix a{};
    Stored a_stored = Stored::plain;
    Matrix b{};
    Stored b_stored = Stored::plain;
    Matrix d{};
    const std::byte* bias = nullptr;  ///< in D's dtype
    double alpha = 1.0;
    double beta = 0.0;
    Extents extents = Extents::fixed;
};

inline std::int64_t flops_of(const Gemm& gemm) {
    const std::int64_t terms = gemm.a_stored == Stored::plain ? gemm.a.columns : gemm.a.rows;
    return 2 * gemm.d.rows * gemm.d.columns * terms;
}

/// A matrix as cuBLASLt is told of it: by columns, `leading` elements from one to the next.
struct BlasMatrix {
    std::int64_t rows = 0;
    std::int64_t columns = 0;
    std::int64_t leading = 0;
    DType dtype = DType::bf16;
    std::int32_t alignment = 256;  ///< bytes, a power of two
    auto operator<=>(const BlasMatrix&) const = default;
};

/// Everything that cuBLASLt's choice of an algorithm depends on. Rows read as columns are the
/// transpose, so it computes D^T = B^T * A^T: its first factor is B, its second A.
struct BlasLayout {
    BlasMatrix first{};
    BlasMatrix second{};
    BlasMatrix result{};
    Stored first_stored = Stored::plain;
    Stored second_stored = Stored::plain;
    bool bias = false;
    std::int64_t workspace = 0;  ///< bytes it may use
    auto operator<=>(const BlasLayout&) const = default;
};

/// Throws InternalError when the extents of the factors do not meet.
BlasLayout layout_of(const Gemm& gemm, std::int64_t workspace_bytes);
/// The layout whose algorithm a product with varying extents uses: rows of D and terms of its sums
/// are rounded up to multiples of 128.
BlasLayout rounded(const BlasLayout& layout);
/// Why cuBLASLt cannot multiply factors of these dtypes into that one, f32 sums; empty: it can.
std::string dtype_refusal(DType a, DType b, DType d);

/// Rows and columns of the result that one thread block computes.
struct TileShape {
    int rows = 0;
    int columns = 0;
    bool operator==(const TileShape&) const = default;
};
/// The extents behind a cublasLtMatmulTile_t of CUDA 13; zeros: not one of them.
TileShape tile_shape(int id);
/// Depth and number of the stages behind a cublasLtMatmulStages_t: "64x4"; "auto" deep when the
/// library leaves their number to the kernel.
std::string stages_name(int id);
/// The depth alone; 1: not one of them.
int stages_depth(int id);
/// FLOPs of a product whose result is computed in whole tiles, and its sums in whole stages.
std::int64_t executed_flops(const BlasLayout& layout, const TileShape& tile, int depth);

/// The algorithm that cuBLASLt uses for a layout, or that a kernel of ours takes its place.
struct BlasChoice {
    BlasLayout layout{};
    bool own = false;  ///< ours: of the rest, only the tile says something
    int algorithm = -1;
    TileShape tile{};
    int stages = 0;
    int split_k = 1;
    std::int64_t workspace = 0;  ///< bytes it does use
    float waves = 0.0F;          ///< of thread blocks over the device
};
/// "16384 x 4096 x 14336 bf16 -> bf16, NT, bias: algorithm 66, tile 128x256, stages 64x4, 0.0 MiB".
std::string to_string(const BlasChoice& choice);

}  // namespace headroom
