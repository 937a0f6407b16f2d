#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/device/attention_tile.cuh"
#include "tests/simt/elements.h"
#include "tests/support/catch.h"

namespace headroom::test {
namespace {

using namespace device;

constexpr int kRows = 32;
constexpr int kColumns = 24;  // three tiles: a pair and a single one
constexpr int kDepth = 48;

/// Which way a factor lies in memory.
enum class Stored { by_rows, by_columns };

/// c (kRows, kColumns) = a * b by one warp, through shared memory.
template <class T, Stored kA, Stored kB>
void multiply_kernel(const T* a, const T* b, float* c) {
    constexpr int kPitchA = kTilePitch < kA == Stored::by_rows ? kDepth : kRows > ;
    constexpr int kPitchB = kTilePitch < kB == Stored::by_rows ? kColumns : kDepth > ;
    T* const a_tile = shared_memory<T>();
    T* const b_tile = a_tile + 64 * 64;
    for (int i = lane_id(); i < kRows * kDepth; i += 32) {
        const int row = i / kDepth;
        const int k = i % kDepth;
        a_tile[kA == Stored::by_rows ? row * kPitchA + k : k * kPitchA + row] = a[i];
    }
    for (int i = lane_id(); i < kDepth * kColumns; i += 32) {
        const int k = i / kColumns;
        const int column = i % kColumns;
        b_tile[kB == Stored::by_rows ? k * kPitchB + column : column * kPitchB + k] = b[i];
    }
    __syncwarp();
    // Columns stored one by one come in pairs only.
    constexpr int kTiles = kB == Stored::by_rows ? kColumns / 8 : kColumns / 16 * 2;
    float sums[kRows / 16][kTiles][4];
    clear(sums);
    const std::conditional_t<kA == Stored::by_rows, RowsOfA<T, kPitchA>, ColumnsOfA<T, kPitchA>>
        left(a_tile);
    const std::conditional_t<kB == Stored::by_rows, RowsOfB<T, kPitchB>, ColumnsOfB<T, kPitchB>>
        right(b_tile);
    multiply<T, kDepth / 16>(sums, left, right);
    for (int i = 0; i < kRows / 16 * kTiles * 4; ++i) {
        const int tile = i / 4 % kTiles;
        const int row = i / 4 / kTiles * 16 + i % 4 / 2 * 8 + lane_id() / 4;
        c[row * kColumns + tile * 8 + lane_id() % 4 * 2 + i % 2] =
            sums[i / 4 / kTiles][tile][i % 4];
    }
}

template <class T, Stored kA, Stored kB>
void check_product() {
    const auto a = random_elements<T>(kRows * kDepth, 1);
    const auto b = random_elements<T>(kDepth * kColumns, 2);
    std::vector<float> c(kRows * kColumns);
    launch_kernel(multiply_kernel<T, kA, kB>, {1}, {32}, std::size_t{2 * 64 * 64 * sizeof(T)},
                  nullptr, a.data(), b.data(), c.data());
    const int columns = kB == Stored::by_rows ? kColumns : kColumns / 16 * 16;
    for (int i = 0; i < kRows * kColumns; ++i) {
        if (i % kColumns >= columns) continue;
        double sum = 0.0;
        for (int k = 0; k < kDepth; ++k) {
            sum += static_cast<double>(
                       to_float(a[static_cast<std::size_t>(i / kColumns * kDepth + k)])) *
                   static_cast<double>(
                       to_float(b[static_cast<std::size_t>(k * kColumns + i % kColumns)]));
        }
        INFO("row " << i / kColumns << " column " << i % kColumns);
        REQUIRE(std::abs(static_cast<double>(c[static_cast<std::size_t>(i)]) - sum) < 1e-4);
    }
}

/// A block reads what its copies brought, before and after it has waited for them.
void copy_kernel(const float* from, float* early, float* late) {
    auto* const tile = shared_memory<float>();
    AsyncCopies copies;
    const int i = lane_id();
    copies.copy4(SharedAddress(tile + i), from + i, i != 5);
    copies.commit();
    early[i] = tile[i];
    copies.copy16(SharedAddress(tile + 32 + 4 * i), from, true);
    copies.commit();
    copies.wait<1>();
    late[i] = tile[i];
    early[32 + i] = tile[32 + 4 * i];  // what this lane copies
    copies.wait<0>();
    __syncwarp();
    late[32 + i] = tile[32 + i];
}

}  // namespace

TEST_CASE("EmulatedTensorCoresMultiplyMatrices") {
    check_product<Bf16, Stored::by_rows, Stored::by_rows>();
    check_product<Bf16, Stored::by_rows, Stored::by_columns>();
    check_product<Bf16, Stored::by_columns, Stored::by_rows>();
    check_product<Bf16, Stored::by_columns, Stored::by_columns>();
    check_product<F16, Stored::by_rows, Stored::by_rows>();
    check_product<F16, Stored::by_columns, Stored::by_columns>();
}

TEST_CASE("EmulatedCopiesLandWhenTheyAreWaitedFor") {
    std::vector<float> from(32);
    for (std::size_t i = 0; i < 32; ++i) from[i] = static_cast<float>(i + 1);
    std::vector<float> early(64);
    std::vector<float> late(64);
    launch_kernel(copy_kernel, {1}, {32}, 160 * sizeof(float), nullptr, from.data(), early.data(),
                  late.data());
    for (std::size_t i = 0; i < 32; ++i) {
        CHECK(std::isnan(early[i]));
        CHECK(std::isnan(early[32 + i]));
        CHECK(late[i] == (i == 5 ? 0.0F : from[i]));
        CHECK(late[32 + i] == from[i % 4]);
    }
}

}  // namespace headroom::test
