#pragma once

// Tensor-core words of sm_90a: products of a warpgroup (four warps, 128 threads) that run beside
// its arithmetic, with the right factor and often the left one in shared memory. Under nvcc they
// are PTX. Under the emulation they are what the PTX manual says that they do: factors are read
// through their descriptors, and sums hold NaN until they are waited for.
//
// c (64 x 8 kTiles) += a (64 x 16) * b (16 x 8 kTiles). A warp of the group has 16 rows of c, whose
// fragments are those of mma.cuh; so are those of a factor a in registers.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "kernels/device/mma.cuh"

namespace headroom::device {

inline constexpr int kWarpgroup = 4 * simt::kWarp;

/// Which index of a factor runs along its rows in shared memory: that of the sum, or its other one.
enum class Along { sum, other };

/// Bytes of a row of a panel, and of the eight rows in which its 16-byte chunks change places.
inline constexpr int kPanelRow = 128;
inline constexpr int kPanelSwizzle = 8 * kPanelRow;

/// Where a byte of panels lies: chunk c of row r is at c ^ r % 8 (the 128-byte swizzle).
template <class Address>
__device__ __forceinline__ Address swizzled(Address at) {
    return at ^ (at >> 7 & 7) << 4;
}

/// What a factor's descriptor says of a matrix in panels (panels.cuh): `leading` bytes lie between
/// two panels. PTX ISA, "Matrix Descriptor Format"; the swizzle of 128 bytes is number 1.
__device__ __forceinline__ constexpr std::uint64_t factor_code(std::uint32_t at, int leading) {
    constexpr std::uint64_t kSwizzle128 = std::uint64_t{1} << 62;
    constexpr std::uint64_t kEightRows = std::uint64_t{kPanelSwizzle >> 4} << 32;
    return kSwizzle128 | kEightRows | static_cast<std::uint64_t>(leading >> 4) << 16 |
           (at & 0x3FFFFU) >> 4;
}

#if defined(__CUDACC__)

#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
inline constexpr bool kWgmma = true;
#else
inline constexpr bool kWgmma = false;  ///< kernels made of these words have no body
#endif

/// The warp's number, which the compiler knows to be the same for its lanes.
__device__ __forceinline__ int uniform_warp() { return __shfl_sync(simt::kAllLanes, warp_id(), 0); }

/// A factor in shared memory.
struct Factor {
    std::uint64_t code;
    __device__ __forceinline__ Factor(SharedAddress at, int leading)
        : code(factor_code(at.at, leading)) {}
    __device__ __forceinline__ Factor plus(int bytes) const {
        Factor moved = *this;
        moved.code += static_cast<std::uint64_t>(bytes >> 4);
        return moved;
    }
};

/// What threads wrote to shared memory is seen by products after the next barrier.
__device__ __forceinline__ void show_to_products() {
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

// Sums are operands 0 to 31 or 63 of an instruction; then come its factors and whether it adds.
#define HEADROOM_TILE(i) "+f"(c[i][0]), "+f"(c[i][1]), "+f"(c[i][2]), "+f"(c[i][3])
#define HEADROOM_TILES(i)                                                               \
    HEADROOM_TILE(i), HEADROOM_TILE(i + 1), HEADROOM_TILE(i + 2), HEADROOM_TILE(i + 3), \
        HEADROOM_TILE(i + 4), HEADROOM_TILE(i + 5), HEADROOM_TILE(i + 6), HEADROOM_TILE(i + 7)
#define HEADROOM_SUMS_32                                                                    \
    "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, " \
    "%19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define HEADROOM_SUMS_64                                                                      \
    HEADROOM_SUMS_32                                                                          \
    ", %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, %48, " \
    "%49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define HEADROOM_WGMMA(columns, type, sums, adds, rest)                                        \
    "{\n.reg .pred p;\nsetp.ne.b32 p, " adds ", 0;\nwgmma.mma_async.sync.aligned.m64n" columns \
    "k16.f32." type "." type " {" sums "}, " rest ";\n}"

/// Products of a warpgroup that are under way, in groups.
class Products {
public:
    /// What registers hold is seen by the products that follow.
    __device__ __forceinline__ void begin() {
        asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
    }
    /// Both factors in shared memory; `adds`: to what c holds, else to zeros.
    template <class T, Along along_a, Along along_b, int kTiles>
    __device__ __forceinline__ void multiply(float (&c)[kTiles][4], Factor a, Factor b, bool adds) {
        constexpr int kA = along_a == Along::other ? 1 : 0;
        constexpr int kB = along_b == Along::other ? 1 : 0;
        static_assert(kTiles == 8 || kTiles == 16);
#define HEADROOM_ISSUE(columns, type, sums, adds_at, rest, ...)     \
    asm volatile(HEADROOM_WGMMA(columns, type, sums, adds_at, rest) \
                 : __VA_ARGS__                                      \
                 : "l"(a.code), "l"(b.code), "r"(static_cast<int>(adds)), "n"(kA), "n"(kB))
        constexpr bool kBf16 = std::is_same_v<T, Bf16>;
        if constexpr (kTiles == 8 && kBf16) {
            HEADROOM_ISSUE("64", "bf16", HEADROOM_SUMS_32, "%34", "%32, %33, p, 1, 1, %35, %36",
                           HEADROOM_TILES(0));
        } else if constexpr (kTiles == 8) {
            HEADROOM_ISSUE("64", "f16", HEADROOM_SUMS_32, "%34", "%32, %33, p, 1, 1, %35, %36",
                           HEADROOM_TILES(0));
        } else if constexpr (kBf16) {
            HEADROOM_ISSUE("128", "bf16", HEADROOM_SUMS_64, "%66", "%64, %65, p, 1, 1, %67, %68",
                           HEADROOM_TILES(0), HEADROOM_TILES(8));
        } else {
            HEADROOM_ISSUE("128", "f16", HEADROOM_SUMS_64, "%66", "%64, %65, p, 1, 1, %67, %68",
                           HEADROOM_TILES(0), HEADROOM_TILES(8));
        }
#undef HEADROOM_ISSUE
    }
    /// The left factor in registers, which stay as they are until the product has been waited for.
    template <class T, Along along_b, int kTiles>
    __device__ __forceinline__ void multiply(float (&c)[kTiles][4], const std::uint32_t (&a)[4],
                                             Factor b) {
        constexpr int kB = along_b == Along::other ? 1 : 0;
        static_assert(kTiles == 8 || kTiles == 16);
#define HEADROOM_ISSUE(columns, type, sums, adds_at, rest, ...)     \
    asm volatile(HEADROOM_WGMMA(columns, type, sums, adds_at, rest) \
                 : __VA_ARGS__                                      \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b.code), "r"(1), "n"(kB))
        constexpr bool kBf16 = std::is_same_v<T, Bf16>;
        if constexpr (kTiles == 8 && kBf16) {
            HEADROOM_ISSUE("64", "bf16", HEADROOM_SUMS_32, "%37",
                           "{%32, %33, %34, %35}, %36, p, 1, 1, %38", HEADROOM_TILES(0));
        } else if constexpr (kTiles == 8) {
            HEADROOM_ISSUE("64", "f16", HEADROOM_SUMS_32, "%37",
                           "{%32, %33, %34, %35}, %36, p, 1, 1, %38", HEADROOM_TILES(0));
        } else if constexpr (kBf16) {
            HEADROOM_ISSUE("128", "bf16", HEADROOM_SUMS_64, "%69",
                           "{%64, %65, %66, %67}, %68, p, 1, 1, %70", HEADROOM_TILES(0),
                           HEADROOM_TILES(8));
        } else {
            HEADROOM_ISSUE("128", "f16", HEADROOM_SUMS_64, "%69",
                           "{%64, %65, %66, %67}, %68, p, 1, 1, %70", HEADROOM_TILES(0),
                           HEADROOM_TILES(8));
        }
#undef HEADROOM_ISSUE
    }
    /// Ends a group.
    __device__ __forceinline__ void commit() {
        asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
    }
    /// Waits until at most the last kGroups groups are still under way.
    template <int kGroups>
    __device__ __forceinline__ void wait() {
        asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kGroups) : "memory");
    }
    /// Sums that have been waited for: nothing reads them before.
    template <int kTiles>
    __device__ __forceinline__ void settle(float (&c)[kTiles][4]) {
#pragma unroll
        for (int n = 0; n < kTiles; ++n) asm volatile("" : HEADROOM_TILE(n)::"memory");
    }
};

#undef HEADROOM_WGMMA
#undef HEADROOM_SUMS_64
#undef HEADROOM_SUMS_32
#undef HEADROOM_TILES
#undef HEADROOM_TILE

#else

inline constexpr bool kWgmma = true;

inline int uniform_warp() { return warp_id(); }
inline void show_to_products() {}

struct Factor {
    const std::byte* at;
    int leading;
    Factor(SharedAddress address, int leading_bytes) : at(address.at), leading(leading_bytes) {}
    [[nodiscard]] Factor plus(int bytes) const {
        Factor moved = *this;
        moved.at += bytes;
        return moved;
    }
    /// The element of the k-th term of the sum, in the n-th row (of a) or column (of b).
    template <class T, Along along>
    [[nodiscard]] float element(int n, int k) const {
        const int offset = along == Along::sum ? n * kPanelRow + 2 * k
                                               : n / 64 * leading + k * kPanelRow + n % 64 * 2;
        const auto place = swizzled(reinterpret_cast<std::uintptr_t>(at + offset));
        T value;
        std::memcpy(&value, reinterpret_cast<const void*>(place), sizeof(T));
        return to_float(value);
    }
};

class Products {
public:
    void begin() {}
    template <class T, Along along_a, Along along_b, int kTiles>
    void multiply(float (&c)[kTiles][4], Factor a, Factor b, bool adds) {
        (void)simt::warp_exchange(a.at);  // a warp meets
        const int row = warp_id() % 4 * 16 + lane_id() / 4;
        start<T, along_b>(c, b, adds, [a, row](int half, int k) {
            return a.element<T, along_a>(row + 8 * half, k);
        });
    }
    template <class T, Along along_b, int kTiles>
    void multiply(float (&c)[kTiles][4], const std::uint32_t (&a)[4], Factor b) {
        const auto all = simt::warp_exchange(emulated::Operands{{a[0], a[1], a[2], a[3]}, {}});
        std::vector<emulated::Operands> row;
        for (int t = 0; t < 4; ++t) row.push_back(all[lane_id() / 4 * 4 + t]);
        start<T, along_b>(c, b, true, [row](int half, int k) {
            const emulated::Operands& words = row[static_cast<std::size_t>(k % 8 / 2)];
            return emulated::element<T>(words.a + half + k / 8 * 2, k % 2);
        });
    }
    void commit() { ++groups_; }
    template <int kGroups>
    void wait() {
        const int ended = groups_ - kGroups;
        std::size_t run = 0;
        for (; run < started_.size() && started_[run].group < ended; ++run) started_[run].run();
        started_.erase(started_.begin(), started_.begin() + static_cast<std::ptrdiff_t>(run));
        std::erase_if(held_, [&](const Held& held) {
            if (held.group >= ended) return false;
            std::memcpy(held.sums, held.value.data(), held.value.size() * sizeof(float));
            return true;
        });
    }
    template <int kTiles>
    void settle(float (&)[kTiles][4]) {}

private:
    /// Sums of products under way.
    struct Held {
        float* sums;
        std::vector<float> value;
        int group;
    };
    struct Started {
        std::function<void()> run;
        int group;
    };
    void hold(float* sums, std::size_t count) {
        for (Held& held : held_) {
            if (held.sums != sums) continue;
            held.group = groups_;
            return;
        }
        held_.push_back({sums, std::vector<float>(sums, sums + count), groups_});
        std::memset(static_cast<void*>(sums), 0xFF, count * sizeof(float));
    }
    [[nodiscard]] std::vector<float>& held(const float* sums) {
        for (Held& held : held_) {
            if (held.sums == sums) return held.value;
        }
        throw simt::Misuse("sums that nobody holds");
    }
    template <class T, Along along_b, int kTiles, class RowsOfA>
    void start(float (&c)[kTiles][4], Factor b, bool adds, RowsOfA row) {
        float* const sums = c[0];
        constexpr std::size_t kCount = std::size_t{kTiles} * 4;
        hold(sums, kCount);
        const int column = lane_id() % 4 * 2;
        started_.push_back({[this, sums, adds, row, b, column] {
                                std::vector<float>& sum = held(sums);
                                if (!adds) sum.assign(kCount, 0.0F);
                                add_terms<T, along_b, kTiles>(sum, row, b, column);
                            },
                            groups_});
    }
    template <class T, Along along_b, int kTiles, class RowsOfA>
    static void add_terms(std::vector<float>& sum, const RowsOfA& row, Factor b, int column) {
        for (int k = 0; k < 16; ++k) {
            const float upper = row(0, k);
            const float lower = row(1, k);
            for (int i = 0; i < 2 * kTiles; ++i) {
                const float right = b.element<T, along_b>(i / 2 * 8 + column + i % 2, k);
                const auto at = static_cast<std::size_t>(i / 2 * 4 + i % 2);
                sum[at] += upper * right;
                sum[at + 2] += lower * right;
            }
        }
    }
    std::vector<Held> held_{};
    std::vector<Started> started_{};
    int groups_ = 0;
};

#endif

}  // namespace headroom::device
