#pragma once

// Loads and stores of N neighbouring elements as floats, 16 bytes at a time.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <type_traits>

#include "kernels/device/number.cuh"

namespace headroom::device {

template <int N>
struct Floats {
    float value[N];
    __device__ __forceinline__ float& operator[](int i) { return value[i]; }
    __device__ __forceinline__ float operator[](int i) const { return value[i]; }
};

/// Elements of T in 16 bytes.
template <class T>
inline constexpr int kWide = static_cast<int>(16 / sizeof(T));

/// The unit that memory is accessed in: 16, 8, 4, 2 bytes or one.
template <int bytes>
struct alignas(bytes) Chunk {
    unsigned char byte[bytes];
};

#if defined(__CUDACC__)

template <int bytes>
struct ChunkWord {
    using type = unsigned char;
};
template <>
struct ChunkWord<2> {
    using type = unsigned short;
};
template <>
struct ChunkWord<4> {
    using type = unsigned;
};
template <>
struct ChunkWord<8> {
    using type = uint2;
};
template <>
struct ChunkWord<16> {
    using type = uint4;
};

template <int bytes>
__device__ __forceinline__ void load_chunk(void* to, const void* from) {
    using Word = typename ChunkWord<bytes>::type;
    const Word word = *static_cast<const Word*>(from);
    std::memcpy(to, &word, bytes);
}
/// To global memory by an instruction of its own: nvcc may make four stores of 4 bytes of
/// `*to = word`, each of which touches every sector that the warp writes.
template <class Word>
__device__ __forceinline__ void store_global(void* to, const Word& word) {
    const std::size_t at = __cvta_generic_to_global(to);
    if constexpr (sizeof(Word) == 16) {
        asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(at), "r"(word.x), "r"(word.y),
                     "r"(word.z), "r"(word.w)
                     : "memory");
    } else {
        asm volatile("st.global.v2.u32 [%0], {%1, %2};" ::"l"(at), "r"(word.x), "r"(word.y)
                     : "memory");
    }
}
template <int bytes>
__device__ __forceinline__ void store_chunk(void* to, const void* from) {
    using Word = typename ChunkWord<bytes>::type;
    Word word;
    std::memcpy(&word, from, bytes);
    if constexpr (bytes >= 8) {
        if (__isGlobal(to)) return store_global(to, word);  // known when it compiles
    }
    *static_cast<Word*>(to) = word;
}

#else

template <int bytes>
void load_chunk(void* to, const void* from) {
    if (reinterpret_cast<std::uintptr_t>(from) % bytes != 0) throw simt::Misuse("misaligned load");
    std::memcpy(to, from, bytes);
}
template <int bytes>
void store_chunk(void* to, const void* from) {
    if (reinterpret_cast<std::uintptr_t>(to) % bytes != 0) throw simt::Misuse("misaligned store");
    std::memcpy(to, from, bytes);
}

#endif

/// N elements as they are stored.
template <class T, int N>
struct Vec {
    static constexpr int kBytes = static_cast<int>(N * sizeof(T));
    static constexpr int kChunk = kBytes < 16 ? kBytes : 16;
    static_assert(kBytes % kChunk == 0 && (kChunk & (kChunk - 1)) == 0);
    alignas(kChunk) T value[N];
    __device__ __forceinline__ T& operator[](int i) { return value[i]; }
    __device__ __forceinline__ const T& operator[](int i) const { return value[i]; }
};

/// `from` lies on a multiple of min(16, N * sizeof(T)) bytes.
template <int N, class T>
__device__ __forceinline__ Vec<T, N> load_vec(const T* from) {
    using V = Vec<T, N>;
    V v;
#pragma unroll
    for (int at = 0; at < V::kBytes; at += V::kChunk) {
        load_chunk<V::kChunk>(reinterpret_cast<unsigned char*>(v.value) + at,
                              reinterpret_cast<const unsigned char*>(from) + at);
    }
    return v;
}
template <int N, class T>
__device__ __forceinline__ void store_vec(T* to, const Vec<T, N>& v) {
    using V = Vec<T, N>;
#pragma unroll
    for (int at = 0; at < V::kBytes; at += V::kChunk) {
        store_chunk<V::kChunk>(reinterpret_cast<unsigned char*>(to) + at,
                               reinterpret_cast<const unsigned char*>(v.value) + at);
    }
}

template <class T, int N>
__device__ __forceinline__ Floats<N> floats_of(const Vec<T, N>& v) {
    Floats<N> x;
    if constexpr (std::is_same_v<T, Bf16> &&
                  N % 2 == 0) {  // an instruction each, not three for two
#pragma unroll
        for (int i = 0; i < N; i += 2) {
            unsigned word = 0;
            std::memcpy(&word, v.value + i, sizeof(word));
            x[i] = __uint_as_float(word << 16);
            x[i + 1] = __uint_as_float(word & 0xFFFF0000U);
        }
    } else {
#pragma unroll
        for (int i = 0; i < N; ++i) x[i] = to_float(v[i]);
    }
    return x;
}
/// Rounded.
template <class T, int N>
__device__ __forceinline__ Vec<T, N> vec_of(const Floats<N>& x) {
    Vec<T, N> v;
#pragma unroll
    for (int i = 0; i < N; ++i) v[i] = from_float<T>(x[i]);
    return v;
}

template <int N, class T>
__device__ __forceinline__ Floats<N> load(const T* from) {
    return floats_of(load_vec<N>(from));
}
template <int N, class T>
__device__ __forceinline__ void store(T* to, const Floats<N>& x) {
    store_vec<N>(to, vec_of<T>(x));
}

/// Whether the first element of every view lies where N elements can be read at once.
inline bool starts_aligned(int n, std::initializer_list<const TensorView*> views) {
    return std::all_of(views.begin(), views.end(), [n](const TensorView* view) {
        const std::int64_t bytes = std::int64_t{n} * bits(view->dtype) / 8;
        const auto unit = static_cast<std::uintptr_t>(std::min<std::int64_t>(bytes, 16));
        return reinterpret_cast<std::uintptr_t>(view->data) % unit == 0;
    });
}
/// Whether all rows of every view can be read N elements at a time.
inline bool rows_aligned(int n, std::initializer_list<const TensorView*> views) {
    return starts_aligned(n, views) &&
           std::all_of(views.begin(), views.end(), [n](const TensorView* view) {
               return view->columns() % n == 0 && view->stride % n == 0;
           });
}

template <int n>
struct Width {
    static constexpr int value = n;
};

/// Calls visit(Width<N>): N elements of T in 16 bytes where all views allow it, else single ones.
template <class T, class Visit>
void with_width(std::initializer_list<const TensorView*> views, const Visit& visit) {
    if (rows_aligned(kWide<T>, views)) {
        visit(Width<kWide<T>>{});
    } else {
        visit(Width<1>{});
    }
}

}  // namespace headroom::device
