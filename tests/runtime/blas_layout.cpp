#include "kernels/device/blas_layout.h"

#include <array>
#include <cstddef>

#include "planner/base/error.h"
#include "tests/support/catch.h"

namespace headroom::test {
namespace {

alignas(512) std::array<std::byte, 4096> memory{};

Matrix matrix(std::int64_t rows, std::int64_t columns, DType dtype = DType::bf16,
              std::size_t offset = 0) {
    return {.data = memory.data() + offset,
            .rows = rows,
            .columns = columns,
            .stride = columns,
            .dtype = dtype};
}

}  // namespace

TEST_CASE("RowsBecomeColumnsAndFactorsChangePlaces") {
    Gemm gemm{
        .a = matrix(5, 7), .b = matrix(3, 7), .b_stored = Stored::transposed, .d = matrix(5, 3)};
    gemm.d.stride = 10;
    const BlasLayout layout = layout_of(gemm, 1024);
    CHECK(layout.result == BlasMatrix{.rows = 3, .columns = 5, .leading = 10});
    CHECK(layout.first == BlasMatrix{.rows = 7, .columns = 3, .leading = 7});
    CHECK(layout.first_stored == Stored::transposed);
    CHECK(layout.second == BlasMatrix{.rows = 7, .columns = 5, .leading = 7});
    CHECK(layout.second_stored == Stored::plain);
    CHECK(layout.workspace == 1024);
    CHECK_FALSE(layout.bias);
}

TEST_CASE("AlignmentOfAViewReachesTheLayout") {
    Gemm gemm{.a = matrix(8, 8), .b = matrix(8, 8, DType::bf16, 16), .d = matrix(8, 8)};
    gemm.d.data = memory.data() + 6;
    const BlasLayout layout = layout_of(gemm, 0);
    CHECK(layout.second.alignment == 256);
    CHECK(layout.first.alignment == 16);
    CHECK(layout.result.alignment == 2);
}

TEST_CASE("FactorsThatDoNotMeetAreRefused") {
    CHECK_THROWS_AS(layout_of({.a = matrix(5, 7), .b = matrix(3, 7), .d = matrix(5, 3)}, 0),
                    InternalError);
    Gemm narrow{.a = matrix(4, 4), .b = matrix(4, 4), .d = matrix(4, 4)};
    narrow.a.stride = 3;
    CHECK_THROWS_AS(layout_of(narrow, 0), InternalError);
}

TEST_CASE("PartsOfAMatrixStartWhereTheirFirstElementLies") {
    Matrix whole = matrix(6, 8, DType::f32);
    whole.stride = 10;
    const Matrix rows = rows_of(whole, 2, 3);
    CHECK(rows.data == memory.data() + 80);
    CHECK(rows.rows == 3);
    const Matrix columns = columns_of(whole, 5, 3);
    CHECK(columns.data == memory.data() + 20);
    CHECK(columns.columns == 3);
    CHECK(columns.stride == 10);
}

TEST_CASE("NeighbouringExpertsShareALayout") {
    const auto forward = [](std::int64_t tokens) {
        return rounded(layout_of({.a = matrix(tokens, 256),
                                  .b = matrix(512, 256),
                                  .b_stored = Stored::transposed,
                                  .d = matrix(tokens, 512)},
                                 0));
    };
    CHECK(forward(1) == forward(128));
    CHECK(forward(128) != forward(129));
    CHECK(forward(1).result.columns == 128);
    const auto weight = [](std::int64_t tokens) {
        return rounded(layout_of({.a = matrix(tokens, 512),
                                  .a_stored = Stored::transposed,
                                  .b = matrix(tokens, 256),
                                  .d = matrix(512, 256)},
                                 0));
    };
    CHECK(weight(3) == weight(100));
    CHECK(weight(3).first.columns == 128);
    CHECK(weight(3).second.columns == 128);
    CHECK(weight(3) != weight(300));
}

TEST_CASE("TileIdsAreThoseOfTheLibrary") {
    struct Row {
        int id;
        TileShape tile;
    };
    for (const auto& [id, tile] :
         {Row{0, {0, 0}},      Row{15, {64, 64}},    Row{20, {128, 128}},   Row{23, {128, 256}},
          Row{35, {256, 32}},  Row{36, {8, 128}},    Row{46, {8, 768}},     Row{71, {32, 192}},
          Row{133, {72, 640}}, Row{151, {96, 192}},  Row{193, {160, 64}},   Row{232, {256, 192}},
          Row{311, {768, 64}}, Row{312, {64, 16}},   Row{392, {64, 760}},   Row{432, {128, 392}},
          Row{486, {256, 8}},  Row{618, {704, 56}},  Row{621, {704, 88}},   Row{628, {768, 56}},
          Row{630, {768, 80}}, Row{631, {256, 512}}, Row{634, {512, 1024}}, Row{635, {0, 0}},
          Row{-1, {0, 0}}}) {
        INFO(id);
        CHECK(tile_shape(id) == tile);
    }
}

TEST_CASE("StagesAreNamed") {
    CHECK(stages_name(1) == "16x1");
    CHECK(stages_name(16) == "64x4");
    CHECK(stages_name(24) == "128x6");
    CHECK(stages_name(27) == "16x10");
    CHECK(stages_name(35) == "64xauto");
    CHECK(stages_name(38) == "768xauto");
    CHECK(stages_name(29) == "unknown");
    CHECK(stages_name(0) == "unknown");
}

TEST_CASE("WholeTilesAndStagesAreExecuted") {
    CHECK(stages_depth(16) == 64);
    CHECK(stages_depth(35) == 64);
    CHECK(stages_depth(0) == 1);
    // An adapter's second product: sums of 16 terms in stages of 64, 14,336 columns in tiles of
    // 320.
    const Gemm gemm{.a = matrix(8192, 16),
                    .b = matrix(14336, 16),
                    .b_stored = Stored::transposed,
                    .d = matrix(8192, 14336)};
    const BlasLayout layout = layout_of(gemm, 0);
    CHECK(flops_of(gemm) == 2L * 8192 * 14336 * 16);
    CHECK(executed_flops(layout, {320, 128}, 64) == 2L * 8192 * 14400 * 64);
    CHECK(executed_flops(layout, {}, 1) == flops_of(gemm));  // tiles that nobody knows
}

TEST_CASE("ChoiceReadsRowByRow") {
    const Gemm gemm{.a = matrix(16384, 512),
                    .b = matrix(1024, 512),
                    .b_stored = Stored::transposed,
                    .d = matrix(16384, 1024, DType::f32)};
    const BlasChoice choice{.layout = layout_of(gemm, 0),
                            .algorithm = 66,
                            .tile = {128, 256},
                            .stages = 16,
                            .workspace = 1 << 20,
                            .waves = 1.5F};
    CHECK(
        to_string(choice) ==
        "16384 x 1024 x 512 bf16 -> fp32, NT: algorithm 66, tile 256x128, stages 64x4, split-K 1, "
        "1.0 MiB, 1.50 waves");
    const BlasChoice own{.layout = layout_of(gemm, 0), .own = true, .tile = {64, 8}};
    CHECK(to_string(own) == "16384 x 1024 x 512 bf16 -> fp32, NT: own kernel, tile 8x64");
}

TEST_CASE("DtypesThatTheLibraryMultipliesAreThoseOfOneFactorType") {
    CHECK(dtype_refusal(DType::bf16, DType::bf16, DType::bf16).empty());
    CHECK(dtype_refusal(DType::bf16, DType::bf16, DType::f32).empty());
    CHECK(dtype_refusal(DType::f16, DType::f16, DType::f32).empty());
    CHECK(dtype_refusal(DType::f32, DType::f32, DType::f32).empty());
    CHECK_FALSE(dtype_refusal(DType::f32, DType::f32, DType::bf16).empty());
    CHECK_FALSE(dtype_refusal(DType::f16, DType::f16, DType::bf16).empty());
    CHECK_FALSE(dtype_refusal(DType::bf16, DType::f32, DType::f32).empty());
    CHECK_FALSE(dtype_refusal(DType::f64, DType::f64, DType::f64).empty());
}

}  // namespace headroom::test
