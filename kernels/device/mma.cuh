#pragma once

// Tensor-core words of sm_80 and later for 16-bit storage types: mma.sync m16n8k16, ldmatrix and
// cp.async. Under nvcc they are PTX. Under the emulation they are what the PTX manual says that
// they do, fragment by fragment, so a wrong layout gives wrong numbers in both.
//
// Fragments of a lane, with g = lane / 4 and t = lane % 4; one word is two elements:
//   A (16 x 16)  word 0: row g, columns 2t 2t+1;   1: row g + 8;   2: columns + 8;   3: both
//   B (16 x 8)   word 0: rows 2t 2t+1, column g;   1: rows + 8
//   C (16 x 8)   c0 c1: row g, columns 2t 2t+1;    c2 c3: row g + 8

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#include "kernels/device/number.cuh"

namespace headroom::device {

/// Where a thread stands in its warp.
__device__ __forceinline__ int lane_id() { return static_cast<int>(threadIdx.x) % simt::kWarp; }
__device__ __forceinline__ int warp_id() { return static_cast<int>(threadIdx.x) / simt::kWarp; }

#if defined(__CUDACC__)

/// Two elements of T in one word, `low` first.
template <class T>
__device__ __forceinline__ std::uint32_t pack(float low, float high) {
    std::uint32_t word = 0;
    if constexpr (std::is_same_v<T, Bf16>) {
        asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
    } else {
        asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
    }
    return word;
}

/// 2^x; 2^-infinity is 0.
__device__ __forceinline__ float power_of_two(float x) {
    float y = 0.0F;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

/// x, of which the compiler keeps nothing derived in registers from one turn of a loop to the next.
__device__ __forceinline__ std::int64_t recomputed(std::int64_t x) {
    asm volatile("" : "+l"(x));
    return x;
}
__device__ __forceinline__ int recomputed(int x) {
    asm volatile("" : "+r"(x));
    return x;
}
__device__ __forceinline__ int recomputed(unsigned x) { return recomputed(static_cast<int>(x)); }

/// An address in shared memory as instructions take it: 32 bits, so that what is added to it goes
/// into the instruction.
struct SharedAddress {
    std::uint32_t at;
    __device__ __forceinline__ explicit SharedAddress(const void* pointer)
        : at(static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer))) {}
    __device__ __forceinline__ SharedAddress plus(int bytes) const {
        SharedAddress sum = *this;
        sum.at += static_cast<std::uint32_t>(bytes);
        return sum;
    }
};

/// c (16 x 8) += a (16 x 16) * b (16 x 8), summed in f32.
template <class T>
__device__ __forceinline__ void multiply_add(float (&c)[4], const std::uint32_t (&a)[4],
                                             std::uint32_t b0, std::uint32_t b1) {
    if constexpr (std::is_same_v<T, Bf16>) {
        asm volatile(
            "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
            "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
            : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
    } else {
        asm volatile(
            "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
            "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
            : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
    }
}

/// Four 8 x 8 matrices: lane 8i + r gives the address of row r of matrix i, and gets, of each
/// matrix, elements 2t and 2t + 1 of row g.
__device__ __forceinline__ void load_matrices(std::uint32_t (&word)[4], SharedAddress row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(word[0]), "=r"(word[1]), "=r"(word[2]), "=r"(word[3])
                 : "r"(row.at)
                 : "memory");
}

/// The same of the transposed matrices: element g of rows 2t and 2t + 1.
__device__ __forceinline__ void load_transposed(std::uint32_t (&word)[4], SharedAddress row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(word[0]), "=r"(word[1]), "=r"(word[2]), "=r"(word[3])
                 : "r"(row.at)
                 : "memory");
}

/// Two matrices; lanes 0 to 15 give the addresses.
__device__ __forceinline__ void load_transposed(std::uint32_t (&word)[2], SharedAddress row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
                 : "=r"(word[0]), "=r"(word[1])
                 : "r"(row.at)
                 : "memory");
}

/// A thread's copies from global to shared memory that run beside its arithmetic.
class AsyncCopies {
public:
    /// 16 bytes, or zeros where there is nothing to read.
    __device__ __forceinline__ void copy16(SharedAddress to, const void* from, bool there) {
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to.at), "l"(from),
                     "r"(there ? 16 : 0)
                     : "memory");
    }
    __device__ __forceinline__ void copy4(SharedAddress to, const void* from, bool there) {
        asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(to.at), "l"(from),
                     "r"(there ? 4 : 0)
                     : "memory");
    }
    /// Ends a group.
    __device__ __forceinline__ void commit() {
        asm volatile("cp.async.commit_group;" ::: "memory");
    }
    /// Waits until at most the last kGroups groups are still under way.
    template <int kGroups>
    __device__ __forceinline__ void wait() {
        asm volatile("cp.async.wait_group %0;" ::"n"(kGroups) : "memory");
    }
};

#else

template <class T>
std::uint32_t pack(float low, float high) {
    return T(low).bits | static_cast<std::uint32_t>(T(high).bits) << 16;
}

inline float power_of_two(float x) { return std::exp2(x); }
inline std::int64_t recomputed(std::int64_t x) { return x; }
inline int recomputed(int x) { return x; }
inline int recomputed(unsigned x) { return static_cast<int>(x); }

struct SharedAddress {
    std::byte* at;
    explicit SharedAddress(const void* pointer)
        : at(static_cast<std::byte*>(const_cast<void*>(pointer))) {}
    [[nodiscard]] SharedAddress plus(int bytes) const { return SharedAddress(at + bytes); }
};

namespace emulated {

struct Operands {
    std::uint32_t a[4];
    std::uint32_t b[2];
};

template <class T>
float element(const std::uint32_t* word, int i) {
    T value;
    value.bits = static_cast<std::uint16_t>(word[i / 2] >> (16 * (i % 2)));
    return to_float(value);
}

/// Whether products of all of a and b are 0: much of a tile is padding.
template <class T>
bool products_vanish(const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
    constexpr std::uint32_t kExponent = std::is_same_v<T, Bf16> ? 0x7F80U : 0x7C00U;
    const auto zero = [](std::uint32_t word) { return (word & 0x7FFF7FFFU) == 0; };
    const auto finite = [](std::uint32_t word) {
        return (word & kExponent) != kExponent && (word >> 16 & kExponent) != kExponent;
    };
    const bool no_a = zero(a[0] | a[1] | a[2] | a[3]);
    if (no_a) return finite(b[0]) && finite(b[1]);
    return zero(b[0] | b[1]) && finite(a[0]) && finite(a[1]) && finite(a[2]) && finite(a[3]);
}

/// Word `i` of what a lane gets from the matrix whose row r is at row(r).
template <class Row>
std::uint32_t matrix_word(const Row& row, bool transposed) {
    const int g = lane_id() / 4;
    const int t = lane_id() % 4;
    std::uint16_t low = 0;
    std::uint16_t high = 0;
    const auto read = [&](std::uint16_t& to, int r, int c) {
        std::memcpy(&to, row(r) + static_cast<std::ptrdiff_t>(2 * c), 2);
    };
    read(low, transposed ? 2 * t : g, transposed ? g : 2 * t);
    read(high, transposed ? 2 * t + 1 : g, transposed ? g : 2 * t + 1);
    return low | static_cast<std::uint32_t>(high) << 16;
}

template <int kMatrices>
void load(std::uint32_t (&word)[kMatrices], SharedAddress row, bool transposed) {
    if (reinterpret_cast<std::uintptr_t>(row.at) % 16 != 0) {
        throw simt::Misuse("a row given to ldmatrix does not lie at a multiple of 16 bytes");
    }
    const auto rows = simt::warp_exchange(row.at);
    for (int i = 0; i < kMatrices; ++i) {
        word[i] = matrix_word([&](int r) { return rows[8 * i + r]; }, transposed);
    }
}

}  // namespace emulated

template <class T>
void multiply_add(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
    const auto all = simt::warp_exchange(emulated::Operands{{a[0], a[1], a[2], a[3]}, {b0, b1}});
    const int g = lane_id() / 4;
    const int t = lane_id() % 4;
    for (int quarter = 0; quarter < 4; ++quarter) {
        // Columns 2q 2q+1 and 2q+8 2q+9 of A; rows of the same numbers of B.
        const emulated::Operands rows = all[4 * g + quarter];
        for (int column = 0; column < 2; ++column) {
            const emulated::Operands columns = all[4 * (2 * t + column) + quarter];
            if (emulated::products_vanish<T>(rows.a, columns.b)) continue;
            for (int k = 0; k < 4; ++k) {
                const float b = emulated::element<T>(columns.b, k);
                const int upper = (k / 2) * 4 + k % 2;
                c[column] += emulated::element<T>(rows.a, upper) * b;
                c[2 + column] += emulated::element<T>(rows.a, upper + 2) * b;
            }
        }
    }
}

inline void load_matrices(std::uint32_t (&word)[4], SharedAddress row) {
    emulated::load(word, row, false);
}
inline void load_transposed(std::uint32_t (&word)[4], SharedAddress row) {
    emulated::load(word, row, true);
}
inline void load_transposed(std::uint32_t (&word)[2], SharedAddress row) {
    emulated::load(word, row, true);
}

/// Copies land when they are waited for and not before; until then their target holds NaN.
class AsyncCopies {
public:
    void copy16(SharedAddress to, const void* from, bool there) { add(to.at, from, there, 16); }
    void copy4(SharedAddress to, const void* from, bool there) { add(to.at, from, there, 4); }
    void commit() { groups_.push_back(copies_.size()); }
    template <int kGroups>
    void wait() {
        if (groups_.size() <= kGroups) return;
        const std::size_t group = groups_.size() - kGroups - 1;
        for (; landed_ < groups_[group]; ++landed_) copies_[landed_].land();
        if (landed_ < copies_.size()) return;
        copies_.clear();
        groups_.clear();
        landed_ = 0;
    }

private:
    struct Copy {
        void* to;
        const void* from;
        std::size_t bytes;
        bool there;
        void land() const { there ? std::memcpy(to, from, bytes) : std::memset(to, 0, bytes); }
    };
    void add(void* to, const void* from, bool there, std::size_t bytes) {
        const auto misplaced = [&](const void* at) {
            return reinterpret_cast<std::uintptr_t>(at) % bytes != 0;
        };
        if (misplaced(to) || (there && misplaced(from))) {
            throw simt::Misuse("an asynchronous copy does not lie at a multiple of its size");
        }
        std::memset(to, 0xFF, bytes);
        copies_.push_back({to, from, bytes, there});
    }
    std::vector<Copy> copies_{};
    std::vector<std::size_t> groups_{};  ///< copies up to the end of each
    std::size_t landed_ = 0;
};

#endif

}  // namespace headroom::device
