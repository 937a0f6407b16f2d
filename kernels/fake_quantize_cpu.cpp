#include "kernels/fake_quantize.h"

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "kernels/cpu/clones.h"
#include "kernels/cpu/dispatch.h"
#include "kernels/cpu/elements.h"
#include "kernels/cpu/runs.h"
#include "kernels/cpu_table.h"

namespace headroom {
namespace {

constexpr std::int64_t kFlops = 7;
constexpr std::int64_t kPiece = 512;  ///< numbers that are floats at a time

/// Numbers become what their codes stand for.
struct Nearest {
    [[gnu::always_inline]] float operator()(const GroupCodes& codes, float x) const {
        return codes.nearest(x);
    }
};
/// Numbers become 0 where their code lies outside of the range, 1 elsewhere.
struct Inside {
    [[gnu::always_inline]] float operator()(const GroupCodes& codes, float x) const {
        return codes.outside(x) ? 0.0F : 1.0F;
    }
};

[[gnu::always_inline]] inline void take_each(std::int64_t count, const float* x, Reach& to) {
    Reach reach = to;
    for (std::int64_t i = 0; i < count; ++i) reach.take(x[i]);
    to = reach;
}
template <class Map>
[[gnu::always_inline]] inline void map_each(std::int64_t count, const GroupCodes& codes, float* x,
                                            const Map& map) {
    const GroupCodes by = codes;
    for (std::int64_t i = 0; i < count; ++i) x[i] = map(by, x[i]);
}
/// Groups of `width`, the last of them maybe shorter.
template <class Map>
[[gnu::always_inline]] inline void map_groups(std::int64_t count, std::int64_t width,
                                              const CodeRange& range, float* x, const Map& map) {
    for (std::int64_t at = 0; at < count; at += width) {
        const std::int64_t some = std::min(width, count - at);
        Reach reach;
        take_each(some, x + at, reach);
        map_each(some, group_codes(range, reach), x + at, map);
    }
}

HEADROOM_CLONES void take(std::int64_t count, const float* x, Reach& to) {
    take_each(count, x, to);
}
HEADROOM_CLONES void apply(std::int64_t count, const GroupCodes& codes, float* x, Nearest map) {
    map_each(count, codes, x, map);
}
HEADROOM_CLONES void apply(std::int64_t count, const GroupCodes& codes, float* x, Inside map) {
    map_each(count, codes, x, map);
}
HEADROOM_CLONES void apply(std::int64_t count, std::int64_t width, const CodeRange& range, float* x,
                           Nearest map) {
    map_groups(count, width, range, x, map);
}
HEADROOM_CLONES void apply(std::int64_t count, std::int64_t width, const CodeRange& range, float* x,
                           Inside map) {
    map_groups(count, width, range, x, map);
}

/// As floats, f64 too: the op is defined in f32.
template <class T>
void read_floats(const T* from, std::int64_t count, float* to) {
    if constexpr (std::is_same_v<T, double>) {
        for (std::int64_t i = 0; i < count; ++i) to[i] = static_cast<float>(from[i]);
    } else {
        load_run(from, count, to);
    }
}
template <class T>
void write_floats(const float* from, std::int64_t count, T* to) {
    if constexpr (std::is_same_v<T, double>) {
        std::copy_n(from, count, to);
    } else {
        store_run(from, count, to);
    }
}

/// Calls visit(at, count, floats) for the pieces of `count` numbers, `floats` being a copy.
template <class T, class Visit>
void each_piece(const T* x, std::int64_t count, std::int64_t piece, const Visit& visit) {
    float floats[kPiece];
    for (std::int64_t at = 0; at < count; at += piece) {
        const std::int64_t some = std::min(piece, count - at);
        read_floats(x + at, some, floats);
        visit(at, some, floats);
    }
}

/// A group that is too long for one piece is read twice.
template <class T, class Map, class Take>
void map_long_group(const T* x, std::int64_t count, const CodeRange& range, Map map,
                    const Take& taken) {
    Reach reach;
    each_piece(x, count, kPiece, [&](std::int64_t /*at*/, std::int64_t some, const float* floats) {
        take(some, floats, reach);
    });
    const GroupCodes codes = group_codes(range, reach);
    each_piece(x, count, kPiece, [&](std::int64_t at, std::int64_t some, float* floats) {
        apply(some, codes, floats, map);
        taken(at, some, floats);
    });
}

/// Calls taken(row, column, count, floats) for all numbers of x, mapped.
template <class T, class Map, class Take>
void map_all(const TensorView& x, const FakeQuantization& to, Map map, const Take& taken) {
    if (x.count() == 0) return;
    const CodeRange range = code_range(to);
    const std::int64_t columns = x.columns();
    const std::int64_t width = to.group > 0 ? std::min(to.group, columns) : columns;
#pragma omp parallel for schedule(static) if (x.count() >= kParallelElements)
    for (std::int64_t n = 0; n < x.rows(); ++n) {
        const T* from = row<T>(x, n);
        if (width <= kPiece) {
            each_piece(from, columns, kPiece / width * width,
                       [&](std::int64_t at, std::int64_t some, float* floats) {
                           apply(some, width, range, floats, map);
                           taken(n, at, some, floats);
                       });
            continue;
        }
        for (std::int64_t first = 0; first < columns; first += width) {
            map_long_group(from + first, std::min(width, columns - first), range, map,
                           [&](std::int64_t at, std::int64_t some, const float* floats) {
                               taken(n, first + at, some, floats);
                           });
        }
    }
}

void fake_quantize_cpu(const FakeQuantize& op, const Launch& launch) {
    const TensorView& x = launch.in[0];
    const TensorView& y = launch.out[0];
    with_float(x.dtype, [&]<class T>(T) {
        map_all<T>(x, op.to, Nearest{},
                   [&](std::int64_t n, std::int64_t at, std::int64_t count, const float* floats) {
                       write_floats(floats, count, row<T>(y, n) + at);
                   });
    });
    count_vector(launch, kFlops * x.count());
}

/// A gradient is only ever cleared, so its numbers are words of their size.
template <class Visit>
void with_word(DType dtype, const Visit& visit) {
    if (bits(dtype) == 16) return visit(std::uint16_t{});
    if (bits(dtype) == 32) return visit(std::uint32_t{});
    visit(std::uint64_t{});
}

void fake_quantize_grad_cpu(const FakeQuantizeGrad& op, const Launch& launch) {
    const TensorView& x = launch.in[0];
    const TensorView& gradient = launch.out[0];
    with_float(x.dtype, [&]<class T>(T) {
        with_word(gradient.dtype, [&]<class Word>(Word) {
            map_all<T>(
                x, op.to, Inside{},
                [&](std::int64_t n, std::int64_t at, std::int64_t count, const float* inside) {
                    Word* words = row<Word>(gradient, n) + at;
                    for (std::int64_t i = 0; i < count; ++i) {
                        words[i] = inside[i] != 0.0F ? words[i] : Word{0};
                    }
                });
        });
    });
    count_vector(launch, kFlops * x.count());
}

}  // namespace

void add_fake_quantize_rows(KernelTable& table) {
    set_row<fake_quantize_cpu>(table);
    set_row<fake_quantize_grad_cpu>(table);
}

}  // namespace headroom
