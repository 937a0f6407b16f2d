#include <cstdint>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/device/simt.h"
#include "tests/support/catch.h"

namespace headroom {

namespace {

constexpr int kThreads = 128;

__device__ float warp_sum(float value) {
    for (int lanes = simt::kWarp / 2; lanes > 0; lanes /= 2) {
        value += __shfl_xor_sync(simt::kAllLanes, value, lanes);
    }
    return value;
}

/// One block sums a row of n.
__global__ void __launch_bounds__(kThreads) sum_rows(const float* x, float* sum, int n) {
    __shared__ SharedArray<float, kThreads / simt::kWarp> part;
    const int thread = static_cast<int>(threadIdx.x);
    const float* const row = x + static_cast<std::size_t>(blockIdx.x) * static_cast<std::size_t>(n);
    float mine = 0.0F;
    for (int i = thread; i < n; i += kThreads) mine += row[i];
    mine = warp_sum(mine);
    if (thread % simt::kWarp == 0) part[thread / simt::kWarp] = mine;
    __syncthreads();
    if (thread == 0) {
        float all = 0.0F;
        for (int w = 0; w < kThreads / simt::kWarp; ++w) all += part[w];
        sum[blockIdx.x] = all;
    }
}

enum class Barrier { none, there };

/// Reverses a block's values through shared memory.
template <Barrier barrier>
__global__ void reverse_block(int* x) {
    int* const shared = shared_memory<int>();
    const auto thread = threadIdx.x;
    shared[thread] = x[thread];
    if constexpr (barrier == Barrier::there) __syncthreads();
    x[thread] = shared[blockDim.x - 1 - thread];
}

__global__ void half_waits() {
    if (threadIdx.x < 64) __syncthreads();
}
__global__ void lane_misses_shuffle(int* out) {
    if (threadIdx.x == 5) return;
    out[threadIdx.x] = __shfl_sync(simt::kAllLanes, 1, 0);
}
__global__ void lanes_disagree(int* out) {
    if (threadIdx.x < 16) {
        out[threadIdx.x] = __any_sync(simt::kAllLanes, 1);
    } else {
        out[threadIdx.x] = __shfl_sync(simt::kAllLanes, 1, 0);
    }
}
__global__ void past_shared() {
    __shared__ SharedArray<int, 4> few;
    few[static_cast<int>(threadIdx.x)] = 0;
}
/// Blocks report what they find in shared memory before they write it.
__global__ void find_shared(std::uint32_t* found) {
    __shared__ SharedArray<std::uint32_t, 1> fixed;
    auto* const dynamic = shared_memory<std::uint32_t>();
    if (threadIdx.x == 0) {
        found[2 * blockIdx.x] = fixed[0];
        found[2 * blockIdx.x + 1] = dynamic[0];
        fixed[0] = dynamic[0] = 7;
    }
}

struct Wide {
    std::int32_t word[16];
};
/// Every lane adds up what all lanes of its warp gave, twice in a row.
__global__ void exchange_twice(std::int32_t* out) {
    std::int32_t sum = 0;
    for (int round = 0; round < 2; ++round) {
        Wide mine{};
        for (int i = 0; i < 16; ++i) mine.word[i] = static_cast<int>(threadIdx.x) + i + round;
        const auto all = simt::warp_exchange(mine);
        for (int lane = 0; lane < simt::kWarp; ++lane) sum += all[lane].word[lane % 16];
    }
    out[threadIdx.x] = sum;
}

__global__ void lane_tour(std::int32_t* out) {
    const int thread = static_cast<int>(threadIdx.x);
    const int lane = thread % simt::kWarp;
    std::int32_t* const mine = out + 7 * thread;
    mine[0] = __shfl_sync(simt::kAllLanes, thread, 3);
    mine[1] = __shfl_sync(simt::kAllLanes, thread, 5, 8);
    mine[2] = __shfl_up_sync(simt::kAllLanes, thread, 2);
    mine[3] = __shfl_down_sync(simt::kAllLanes, thread, 2, 8);
    mine[4] = static_cast<std::int32_t>(__ballot_sync(simt::kAllLanes, lane == 1 || lane == 4));
    mine[5] = static_cast<std::int32_t>(__match_any_sync(simt::kAllLanes, lane % 16));
    mine[6] = __all_sync(simt::kAllLanes, lane >= 0) + 2 * __any_sync(simt::kAllLanes, lane > 31);
}

__global__ void count_blocks(unsigned* count, unsigned* seen) {
    if (threadIdx.x == 0 && threadIdx.y == 0) {
        atomicAdd(count, 1U);
        atomicMax(seen, blockIdx.x + 10 * blockIdx.y + 100 * blockIdx.z);
    }
}

/// The sentence that a launch fails with.
template <class Launch>
std::string misuse(const Launch& start) {
    try {
        start();
    } catch (const simt::Misuse& error) {
        return error.what();
    }
    return "no misuse";
}

std::vector<int> reversed_by(void (*kernel)(int*), simt::Order order) {
    const simt::ScopedOrder scope(order);
    std::vector<int> x(64);
    std::iota(x.begin(), x.end(), 0);
    launch_kernel(kernel, {1}, {64}, 64 * sizeof(int), nullptr, x.data());
    return x;
}

}  // namespace

TEST_CASE("BlockReductionSumsEveryRow") {
    const int rows = 5;
    const int n = 301;
    std::vector<float> x(static_cast<std::size_t>(rows * n));
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 17);
    std::vector<float> sum(rows, -1.0F);
    launch_kernel(sum_rows, {rows}, {kThreads}, 0, nullptr, x.data(), sum.data(), n);
    for (std::size_t r = 0; r < rows; ++r) {
        float expected = 0.0F;
        for (std::size_t i = 0; i < n; ++i) expected += x[r * n + i];
        CHECK(sum[r] == expected);
    }
}

TEST_CASE("OrderOfThreadsShowsAMissingBarrier") {
    std::vector<int> expected(64);
    for (int i = 0; i < 64; ++i) expected[static_cast<std::size_t>(i)] = 63 - i;
    CHECK(reversed_by(reverse_block<Barrier::there>, simt::Order::forward) == expected);
    CHECK(reversed_by(reverse_block<Barrier::there>, simt::Order::reverse) == expected);
    CHECK(reversed_by(reverse_block<Barrier::none>, simt::Order::forward) !=
          reversed_by(reverse_block<Barrier::none>, simt::Order::reverse));
}

TEST_CASE("BarrierThatSomeThreadsNeverReachIsMisuse") {
    CHECK(misuse([&] {
              launch_kernel(half_waits, {1}, {128}, 0, nullptr);
          }).find("64 of 128 threads of block (0, 0, 0)") != std::string::npos);
    // The machine is whole again afterwards.
    CHECK(reversed_by(reverse_block<Barrier::there>, simt::Order::forward)[0] == 63);
}

TEST_CASE("ShuffleThatALaneMissesIsMisuse") {
    std::vector<int> out(32);
    CHECK(misuse([&] {
              launch_kernel(lane_misses_shuffle, {1}, {32}, 0, nullptr, out.data());
          }).find("31 lanes of the warp") != std::string::npos);
    CHECK_THROWS_AS(launch_kernel(lanes_disagree, {1}, {32}, 0, nullptr, out.data()), simt::Misuse);
}

TEST_CASE("LaunchesBeyondTheHardwareAreMisuse") {
    CHECK_THROWS_AS(launch_kernel(half_waits, {1}, {48}, 0, nullptr), simt::Misuse);
    CHECK_THROWS_AS(launch_kernel(half_waits, {1}, {2048}, 0, nullptr), simt::Misuse);
    CHECK_THROWS_AS(launch_kernel(half_waits, {0}, {32}, 0, nullptr), simt::Misuse);
    CHECK_THROWS_AS(launch_kernel(half_waits, {1, 70000}, {32}, 0, nullptr), simt::Misuse);
    CHECK_THROWS_AS(launch_kernel(half_waits, {1}, {32}, 300000, nullptr), simt::Misuse);
    CHECK_THROWS_AS(__syncthreads(), simt::Misuse);
}

TEST_CASE("IndexPastASharedArrayIsCaught") {
    CHECK_THROWS_AS(launch_kernel(past_shared, {1}, {32}, 0, nullptr), std::out_of_range);
}

TEST_CASE("SharedMemoryIsPoisonedBetweenBlocks") {
    std::vector<std::uint32_t> found(6, 0);
    launch_kernel(find_shared, {3}, {32}, 4, nullptr, found.data());
    CHECK(found == std::vector<std::uint32_t>(6, 0xFFFFFFFFU));
}

TEST_CASE("WarpExchangeShowsEveryLanesValue") {
    std::vector<std::int32_t> out(64, 0);
    launch_kernel(exchange_twice, {1}, {64}, 0, nullptr, out.data());
    for (int warp = 0; warp < 2; ++warp) {
        std::int32_t expected = 0;
        for (int lane = 0; lane < 32; ++lane) expected += 2 * (32 * warp + lane + lane % 16) + 1;
        for (int lane = 0; lane < 32; ++lane) {
            CHECK(out[static_cast<std::size_t>(32 * warp + lane)] == expected);
        }
    }
}

TEST_CASE("ShufflesAndVotesFollowTheLanes") {
    std::vector<std::int32_t> out(7 * 64, -1);
    launch_kernel(lane_tour, {1}, {64}, 0, nullptr, out.data());
    for (int thread = 0; thread < 64; ++thread) {
        const int lane = thread % 32;
        const auto* const mine = &out[static_cast<std::size_t>(7 * thread)];
        CHECK(mine[0] == thread - lane + 3);
        CHECK(mine[1] == thread - lane % 8 + 5);
        CHECK(mine[2] == (lane < 2 ? thread : thread - 2));
        CHECK(mine[3] == (lane % 8 > 5 ? thread : thread + 2));
        CHECK(mine[4] == 0b10010);
        CHECK(mine[5] == 0x10001 << (lane % 16));
        CHECK(mine[6] == 1);
    }
}

TEST_CASE("EveryBlockOfAGridRunsOnce") {
    unsigned count = 0;
    unsigned seen = 0;
    launch_kernel(count_blocks, {3, 2, 4}, {8, 4}, 0, nullptr, &count, &seen);
    CHECK(count == 24);
    CHECK(seen == 312);
}

}  // namespace headroom
