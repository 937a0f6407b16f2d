#include "kernels/device/blas_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>

#include "planner/base/error.h"
#include "planner/base/units.h"

namespace headroom {
namespace {

constexpr std::int64_t kRounding = 128;

std::int32_t alignment_of(const std::byte* data) {
    constexpr std::uintptr_t kMost = 256;
    const auto address = std::bit_cast<std::uintptr_t>(data) | kMost;
    return static_cast<std::int32_t>(address & (~address + 1));
}

BlasMatrix by_columns(const Matrix& matrix) {
    return {.rows = matrix.columns,
            .columns = matrix.rows,
            .leading = matrix.stride,
            .dtype = matrix.dtype,
            .alignment = alignment_of(matrix.data)};
}

struct Extent2 {
    std::int64_t rows;
    std::int64_t columns;
};

Extent2 multiplied(const Matrix& matrix, Stored stored) {
    if (stored == Stored::plain) return {matrix.rows, matrix.columns};
    return {matrix.columns, matrix.rows};
}

void check_leading(const Matrix& matrix) {
    if (matrix.stride >= matrix.columns) return;
    throw InternalError(
        fmt::format("rows of {} elements lie only {} apart", matrix.columns, matrix.stride));
}

std::int64_t round_up(std::int64_t extent) { return ceil_div(extent, kRounding) * kRounding; }

/// The first 35 ids are in no order.
constexpr std::array<TileShape, 36> kFirstTiles{{
    {0, 0},     {8, 8},    {8, 16},   {16, 8},   {8, 32},    {16, 16},   {32, 8},    {8, 64},
    {16, 32},   {32, 16},  {64, 8},   {32, 32},  {32, 64},   {64, 32},   {32, 128},  {64, 64},
    {128, 32},  {64, 128}, {128, 64}, {64, 256}, {128, 128}, {256, 64},  {64, 512},  {128, 256},
    {256, 128}, {512, 64}, {64, 96},  {96, 64},  {96, 128},  {128, 160}, {160, 128}, {192, 128},
    {128, 192}, {128, 96}, {32, 256}, {256, 32},
}};
constexpr std::array<TileShape, 4> kLastTiles{{{256, 512}, {256, 1024}, {512, 512}, {512, 1024}}};

/// The ids that follow count up: rows in steps of `row_step`, then columns in steps of
/// `column_step`, as far as `area` and 768 allow, without those that have an id already.
struct TileSeries {
    int row_step;
    int column_step;
    int area;
};
constexpr std::array<TileSeries, 2> kTileSeries{{{8, 64, 49152}, {64, 8, 65536}}};

bool belongs_to(TileShape tile, const TileSeries& series) {
    return tile.rows % series.row_step == 0 && tile.columns % series.column_step == 0 &&
           tile.rows * tile.columns <= series.area;
}

bool has_earlier_id(TileShape tile, const TileSeries& series) {
    if (std::ranges::find(kFirstTiles, tile) != kFirstTiles.end()) return true;
    return &series != kTileSeries.data() && belongs_to(tile, kTileSeries.front());
}

struct StagesRow {
    int first_id;
    int depth;
    int first_count;
    int ids;
};
constexpr std::array<StagesRow, 9> kStages{{{1, 16, 1, 6},
                                            {7, 32, 1, 6},
                                            {13, 64, 1, 6},
                                            {19, 128, 1, 6},
                                            {25, 32, 10, 1},
                                            {26, 8, 4, 1},
                                            {27, 16, 10, 1},
                                            {28, 8, 5, 1},
                                            {31, 8, 3, 1}}};
constexpr int kFirstAutoStages = 32;
constexpr std::array<int, 7> kAutoDepths{8, 16, 32, 64, 128, 256, 768};

char letter(Stored stored) { return stored == Stored::plain ? 'N' : 'T'; }

}  // namespace

Matrix matrix_of(const TensorView& view) {
    return {.data = view.data,
            .rows = view.rows(),
            .columns = view.columns(),
            .stride = view.stride,
            .dtype = view.dtype};
}

Matrix rows_of(const Matrix& matrix, std::int64_t first, std::int64_t count) {
    Matrix part = matrix;
    part.data += bytes_of(first * matrix.stride, matrix.dtype);
    part.rows = count;
    return part;
}

Matrix columns_of(const Matrix& matrix, std::int64_t first, std::int64_t count) {
    Matrix part = matrix;
    part.data += bytes_of(first, matrix.dtype);
    part.columns = count;
    return part;
}

BlasLayout layout_of(const Gemm& gemm, std::int64_t workspace_bytes) {
    const Extent2 a = multiplied(gemm.a, gemm.a_stored);
    const Extent2 b = multiplied(gemm.b, gemm.b_stored);
    if (a.columns != b.rows || a.rows != gemm.d.rows || b.columns != gemm.d.columns) {
        throw InternalError(fmt::format("({}, {}) times ({}, {}) does not give ({}, {})", a.rows,
                                        a.columns, b.rows, b.columns, gemm.d.rows, gemm.d.columns));
    }
    for (const Matrix* matrix : {&gemm.a, &gemm.b, &gemm.d}) check_leading(*matrix);
    return {.first = by_columns(gemm.b),
            .second = by_columns(gemm.a),
            .result = by_columns(gemm.d),
            .first_stored = gemm.b_stored,
            .second_stored = gemm.a_stored,
            .bias = gemm.bias != nullptr,
            .workspace = workspace_bytes};
}

BlasLayout rounded(const BlasLayout& layout) {
    BlasLayout out = layout;
    std::int64_t& tokens =
        layout.second_stored == Stored::plain ? out.second.columns : out.second.rows;
    tokens = round_up(tokens);
    out.result.columns = round_up(out.result.columns);
    std::int64_t& terms =
        layout.second_stored == Stored::plain ? out.second.rows : out.second.columns;
    terms = round_up(terms);
    (layout.first_stored == Stored::plain ? out.first.columns : out.first.rows) = terms;
    // A factor's columns may not be longer than its leading extent.
    for (BlasMatrix* matrix : {&out.first, &out.second, &out.result}) {
        matrix->leading = std::max(matrix->leading, matrix->rows);
    }
    return out;
}

std::string dtype_refusal(DType a, DType b, DType d) {
    const bool halves = a == DType::bf16 || a == DType::f16;
    if (a == b && ((halves && (d == a || d == DType::f32)) || (a == DType::f32 && d == a))) {
        return {};
    }
    return fmt::format("multiplies no {} by {} into {}", name(a), name(b), name(d));
}

TileShape tile_shape(int id) {
    constexpr int kLongest = 768;
    const auto first = static_cast<int>(kFirstTiles.size());
    if (id < 0) return {};
    if (id < first) return kFirstTiles[static_cast<std::size_t>(id)];
    int next = first;
    for (const TileSeries& series : kTileSeries) {
        for (int rows = series.row_step; rows <= kLongest; rows += series.row_step) {
            for (int columns = series.column_step; columns <= kLongest;
                 columns += series.column_step) {
                const TileShape tile{rows, columns};
                if (!belongs_to(tile, series) || has_earlier_id(tile, series)) continue;
                if (next++ == id) return tile;
            }
        }
    }
    const int last = id - next;
    const bool known = last < static_cast<int>(kLastTiles.size());
    return known ? kLastTiles[static_cast<std::size_t>(last)] : TileShape{};
}

int stages_depth(int id) {
    for (const auto& row : kStages) {
        if (id >= row.first_id && id < row.first_id + row.ids) return row.depth;
    }
    const int depth = id - kFirstAutoStages;
    if (depth < 0 || depth >= static_cast<int>(kAutoDepths.size())) return 1;
    return kAutoDepths[static_cast<std::size_t>(depth)];
}

std::int64_t executed_flops(const BlasLayout& layout, const TileShape& tile, int depth) {
    const auto whole = [](std::int64_t extent, int part) {
        const std::int64_t unit = std::max(part, 1);
        return ceil_div(extent, unit) * unit;
    };
    const auto& second = layout.second;
    const auto terms = layout.second_stored == Stored::plain ? second.rows : second.columns;
    return 2 * whole(layout.result.rows, tile.rows) * whole(layout.result.columns, tile.columns) *
           whole(terms, depth);
}

std::string stages_name(int id) {
    for (const auto& row : kStages) {
        if (id < row.first_id || id >= row.first_id + row.ids) continue;
        return fmt::format("{}x{}", row.depth, row.first_count + id - row.first_id);
    }
    const int depth = id - kFirstAutoStages;
    if (depth < 0 || depth >= static_cast<int>(kAutoDepths.size())) return "unknown";
    return fmt::format("{}xauto", kAutoDepths[static_cast<std::size_t>(depth)]);
}

std::string to_string(const BlasChoice& choice) {
    const BlasLayout& layout = choice.layout;
    const auto& second = layout.second;
    const auto terms = layout.second_stored == Stored::plain ? second.rows : second.columns;
    // Row by row again: rows and columns of tile and result change places.
    const std::string product = fmt::format(
        "{} x {} x {} {} -> {}, {}{}{}", layout.result.columns, layout.result.rows, terms,
        name(second.dtype), name(layout.result.dtype), letter(layout.second_stored),
        letter(layout.first_stored), layout.bias ? ", bias" : "");
    const std::string tile = fmt::format("tile {}x{}", choice.tile.columns, choice.tile.rows);
    if (choice.own) return product + ": own kernel, " + tile;
    return fmt::format("{}: algorithm {}, {}, stages {}, split-K {}, {:.1f} MiB, {:.2f} waves",
                       product, choice.algorithm, tile, stages_name(choice.stages), choice.split_k,
                       static_cast<double>(choice.workspace) / static_cast<double>(kMiB),
                       static_cast<double>(choice.waves));
}

}  // namespace headroom
