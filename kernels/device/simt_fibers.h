#pragma once

// The emulation behind simt.h. Meant for tests: one block at a time, on the thread that launches.

#include <array>
#include <bit>
#include <climits>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#define __global__
#define __device__
#define __host__
#define __shared__ static
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(n) alignas(n)
#define __grid_constant__

namespace headroom {

struct Extent3 {
    unsigned x = 1;
    unsigned y = 1;
    unsigned z = 1;
};

namespace simt {

inline constexpr int kWarp = 32;
inline constexpr unsigned kAllLanes = 0xFFFFFFFFU;

/// A kernel or a launch did what the hardware does not allow or define.
class Misuse : public std::logic_error {
public:
    using std::logic_error::logic_error;
};

/// Which thread, warp and block runs first. Barriers alone may order a kernel's threads, so its
/// results are the same in both orders.
enum class Order : std::uint8_t { forward, reverse };

class ScopedOrder {
public:
    explicit ScopedOrder(Order order);
    ~ScopedOrder();
    ScopedOrder(const ScopedOrder&) = delete;
    ScopedOrder& operator=(const ScopedOrder&) = delete;

private:
    Order before_;
};

/// Blocks may have so much dynamic shared memory: 227 KiB where nothing is said.
class ScopedSharedBytes {
public:
    explicit ScopedSharedBytes(std::size_t limit);
    ~ScopedSharedBytes();
    ScopedSharedBytes(const ScopedSharedBytes&) = delete;
    ScopedSharedBytes& operator=(const ScopedSharedBytes&) = delete;

private:
    std::size_t before_;
};
std::size_t shared_limit();

/// Runs body(context) once for every thread of every block.
void run_grid(Extent3 grid, Extent3 block, std::size_t shared_bytes, void (*body)(void*),
              void* context);

/// What the lanes of a warp meet for.
enum class Meeting : std::uint8_t { sync, shuffle, vote, match, exchange };

/// What one lane shows to the others.
struct alignas(16) Slot {
    static constexpr std::size_t kBytes = 64;
    std::array<std::byte, kBytes> bytes;
};

/// Shows `size` bytes to the warp and waits until all 32 lanes have; the answer, one slot a lane,
/// lives until the lane meets its warp again.
const Slot* meet_warp(Meeting meeting, unsigned mask, const void* mine, std::size_t size);
void meet_block();
std::byte* dynamic_shared();
/// Static shared memory, to be poisoned before each block.
void enlist_shared(void* at, std::size_t bytes);

/// The 32 values that a warp's lanes gave.
template <class T>
class WarpView {
public:
    explicit WarpView(const Slot* slots) : slots_(slots) {}
    [[nodiscard]] T operator[](int lane) const {
        T value;
        std::memcpy(&value, slots_[lane].bytes.data(), sizeof(T));
        return value;
    }

private:
    const Slot* slots_;
};

template <class T>
WarpView<T> meet(Meeting meeting, unsigned mask, const T& mine) {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= Slot::kBytes);
    return WarpView<T>(meet_warp(meeting, mask, &mine, sizeof(T)));
}

/// Every lane gives a value and sees all 32.
template <class T>
WarpView<T> warp_exchange(const T& mine) {
    return meet(Meeting::exchange, kAllLanes, mine);
}

int lane();

}  // namespace simt

}  // namespace headroom

inline headroom::Extent3 threadIdx{};
inline headroom::Extent3 blockIdx{};
inline headroom::Extent3 blockDim{};
inline headroom::Extent3 gridDim{};

namespace headroom {

template <class T, int N>
struct SharedArray {
    static_assert(std::is_trivially_copyable_v<T>);
    std::array<T, N> value;
    SharedArray() { simt::enlist_shared(value.data(), sizeof(value)); }
    T& operator[](int i) { return value.at(static_cast<std::size_t>(i)); }
    const T& operator[](int i) const { return value.at(static_cast<std::size_t>(i)); }
    T* data() { return value.data(); }
};

template <class T>
T* shared_memory() {
    return reinterpret_cast<T*>(simt::dynamic_shared());
}

template <class... Parameters, class... Arguments>
void launch_kernel(void (*kernel)(Parameters...), Extent3 grid, Extent3 block,
                   std::size_t shared_bytes, void*, Arguments&&... arguments) {
    struct Call {
        void (*kernel)(Parameters...);
        std::tuple<Parameters...> parameters;
    } call{kernel, {static_cast<Parameters>(arguments)...}};
    const auto body = [](void* context) {
        const auto* const c = static_cast<const Call*>(context);
        std::apply(c->kernel, c->parameters);
    };
    simt::run_grid(grid, block, shared_bytes, body, &call);
}

inline void fill_bytes(void*, void* to, std::uint8_t value, std::size_t bytes) {
    if (bytes > 0) std::memset(to, value, bytes);
}
inline void copy_bytes(void*, void* to, const void* from, std::size_t bytes) {
    if (bytes > 0) std::memmove(to, from, bytes);
}

/// Few, so that blocks have more than one piece of work each.
inline int processors() { return 2; }
inline std::size_t shared_bytes_limit() { return simt::shared_limit(); }
template <class... Parameters>
int resident_blocks(void (*)(Parameters...), int) {
    return 8;
}

}  // namespace headroom

inline void __syncthreads() { headroom::simt::meet_block(); }
inline void __syncwarp(unsigned mask = headroom::simt::kAllLanes) {
    headroom::simt::meet_warp(headroom::simt::Meeting::sync, mask, nullptr, 0);
}

namespace headroom::simt {

template <class T>
T shuffle(unsigned mask, T value, int source) {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 8);
    return meet(Meeting::shuffle, mask, value)[source];
}

/// Runs of `width` lanes shuffle among themselves; past the run's end a lane gets its own value.
inline int run_start(int width) { return lane() & ~(width - 1); }

}  // namespace headroom::simt

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32) {
    return headroom::simt::shuffle(mask, value,
                                   headroom::simt::run_start(width) + (source & (width - 1)));
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32) {
    const int source = headroom::simt::lane() ^ lanes;
    const bool inside = source < headroom::simt::run_start(width) + width;
    return headroom::simt::shuffle(mask, value, inside ? source : headroom::simt::lane());
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, int lanes, int width = 32) {
    const int source = headroom::simt::lane() - lanes;
    const bool inside = source >= headroom::simt::run_start(width);
    return headroom::simt::shuffle(mask, value, inside ? source : headroom::simt::lane());
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, int lanes, int width = 32) {
    const int source = headroom::simt::lane() + lanes;
    const bool inside = source < headroom::simt::run_start(width) + width;
    return headroom::simt::shuffle(mask, value, inside ? source : headroom::simt::lane());
}

inline unsigned __ballot_sync(unsigned mask, int predicate) {
    const auto votes = headroom::simt::meet(headroom::simt::Meeting::vote, mask, predicate != 0);
    unsigned word = 0;
    for (int i = 0; i < headroom::simt::kWarp; ++i) word |= (votes[i] ? 1U : 0U) << i;
    return word;
}
inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
inline int __all_sync(unsigned mask, int predicate) {
    return __ballot_sync(mask, predicate) == headroom::simt::kAllLanes;
}
template <class T>
unsigned __match_any_sync(unsigned mask, T value) {
    const auto values = headroom::simt::meet(headroom::simt::Meeting::match, mask, value);
    unsigned word = 0;
    for (int i = 0; i < headroom::simt::kWarp; ++i) word |= (values[i] == value ? 1U : 0U) << i;
    return word;
}
inline void __threadfence() {}

template <std::integral T>
T atomicAdd(T* at, std::type_identity_t<T> value) {
    return std::exchange(*at, static_cast<T>(*at + value));
}
template <std::integral T>
T atomicMax(T* at, std::type_identity_t<T> value) {
    return std::exchange(*at, *at > value ? *at : value);
}
template <std::integral T>
T atomicMin(T* at, std::type_identity_t<T> value) {
    return std::exchange(*at, *at < value ? *at : value);
}
template <std::integral T>
T atomicOr(T* at, std::type_identity_t<T> value) {
    return std::exchange(*at, static_cast<T>(*at | value));
}

template <class T>
T min(T a, T b) {
    return b < a ? b : a;
}
template <class T>
T max(T a, T b) {
    return a < b ? b : a;
}

inline float rsqrtf(float x) { return 1.0F / std::sqrt(x); }
inline void sincospif(float x, float* sine, float* cosine) {
    constexpr double kPi = 3.14159265358979323846;
    *sine = static_cast<float>(std::sin(kPi * static_cast<double>(x)));
    *cosine = static_cast<float>(std::cos(kPi * static_cast<double>(x)));
}
inline float __expf(float x) { return std::exp(x); }
inline float __logf(float x) { return std::log(x); }
inline float __fdividef(float x, float y) { return x / y; }
inline float __saturatef(float x) { return std::fmin(std::fmax(x, 0.0F), 1.0F); }
inline unsigned __umulhi(unsigned x, unsigned y) {
    return static_cast<unsigned>((static_cast<std::uint64_t>(x) * y) >> 32);
}
inline int __popc(unsigned x) { return std::popcount(x); }
inline int __ffs(int x) { return x == 0 ? 0 : std::countr_zero(static_cast<unsigned>(x)) + 1; }
inline int __clz(int x) { return std::countl_zero(static_cast<unsigned>(x)); }
inline unsigned __float_as_uint(float x) { return std::bit_cast<unsigned>(x); }
inline float __uint_as_float(unsigned x) { return std::bit_cast<float>(x); }
inline int __float_as_int(float x) { return std::bit_cast<int>(x); }
inline float __int_as_float(int x) { return std::bit_cast<float>(x); }
template <class T>
T __ldg(const T* at) {
    return *at;
}
