#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "kernels/cpu/dispatch.h"
#include "kernels/cpu/elements.h"
#include "kernels/cpu/permute.h"
#include "kernels/cpu/runs.h"
#include "kernels/cpu/slices.h"

namespace headroom {
namespace {

/// counts[e] becomes how many rows expert e fills, and map where each comes from: tokens in order,
/// the choices of a token in order. `first` holds as many as there are experts.
void sort_by_expert(const TensorView& chosen, std::int64_t slots, const TensorView& counts,
                    const TensorView& map, std::int64_t* first) {
    const std::int64_t tokens = chosen.rows();
    const auto* expert = chosen.as<std::int32_t>();
    auto* count = counts.as<std::int32_t>();
    auto* source = map.as<std::int32_t>();
    std::fill_n(count, counts.count(), 0);
    for (std::int64_t i = 0; i < chosen.count(); ++i) ++count[expert[i]];
    std::int64_t before = 0;
    for (std::int64_t e = 0; e < counts.count(); ++e) {
        first[e] = slots > 0 ? e * slots : before;
        before += std::exchange(count[e], 0);
    }
    std::fill_n(source, map.count(), -1);
    for (std::int64_t i = 0; i < chosen.count(); ++i) {
        std::int32_t& filled = count[expert[i]];
        if (slots > 0 && filled == slots) continue;
        const std::int64_t copy = i % chosen.columns() * tokens + i / chosen.columns();
        source[first[expert[i]] + filled++] = static_cast<std::int32_t>(copy);
    }
}

/// to[row] = from[token of the row]; zeros where there is none.
void gather_rows(const TensorView& from, const TensorView& map, const TensorView& to) {
    const std::int64_t tokens = from.rows();
    const auto* source = map.as<std::int32_t>();
    const auto offset = [&](const TensorView& view, std::int64_t index) {
        return view.data + bytes_of(index * view.stride, view.dtype);
    };
    const auto width = static_cast<std::size_t>(bytes_of(from.columns(), from.dtype));
#pragma omp parallel for schedule(static) if (to.count() >= kParallelElements)
    for (std::int64_t i = 0; i < map.count(); ++i) {
        if (source[i] < 0) {
            std::memset(offset(to, i), 0, width);
        } else {
            std::memcpy(offset(to, i), offset(from, source[i] % tokens), width);
        }
    }
}

/// The row that holds each copy of the tokens from `first` to `last`, by token and choice; -1 for
/// one that was dropped.
void invert(const TensorView& map, std::int64_t tokens, std::int64_t k, std::int64_t first,
            std::int64_t last, std::int32_t* row_of) {
    const auto* source = map.as<std::int32_t>();
    std::fill_n(row_of, (last - first) * k, -1);
    for (std::int64_t i = 0; i < map.count(); ++i) {
        if (source[i] < 0) continue;
        const std::int64_t token = source[i] % tokens;
        if (token < first || token >= last) continue;
        row_of[(token - first) * k + source[i] / tokens] = static_cast<std::int32_t>(i);
    }
}

/// Calls visit(token, rows of its k copies) for every token, in parallel: as many tokens at a time
/// as the workspace has room for, in practice all.
template <class Visit>
void for_each_token(const Launch& launch, const TensorView& map, std::int64_t tokens,
                    std::int64_t k, const Visit& visit) {
    const std::int64_t room = scratch_capacity<std::int32_t>(launch) / k;
    const std::int64_t most = std::max<std::int64_t>(1, std::min(room, tokens));
    auto* row_of = Slices(launch).take<std::int32_t>(most * k);
    for (std::int64_t first = 0; first < tokens; first += most) {
        const std::int64_t last = std::min(first + most, tokens);
        invert(map, tokens, k, first, last, row_of);
#pragma omp parallel for schedule(static) if (launch.in[0].count() >= kParallelElements)
        for (std::int64_t t = first; t < last; ++t) visit(t, row_of + (t - first) * k);
    }
}

/// y of one token = the sum of its copies, in the order of its choices.
template <class T>
void sum_copies(const TensorView& rows, const std::int32_t* row_of, std::int64_t k, T* y) {
    constexpr std::int64_t kBlock = 256;
    for (std::int64_t first = 0; first < rows.columns(); first += kBlock) {
        const std::int64_t width = std::min(kBlock, rows.columns() - first);
        std::array<Compute<T>, kBlock> sum{};
        for (std::int64_t i = 0; i < k; ++i) {
            if (row_of[i] < 0) continue;
            const T* copy = row<T>(rows, row_of[i]) + first;
            for (std::int64_t j = 0; j < width; ++j) {
                sum[static_cast<std::size_t>(j)] += load(copy[j]);
            }
        }
        for (std::int64_t j = 0; j < width; ++j) {
            y[first + j] = store<T>(sum[static_cast<std::size_t>(j)]);
        }
    }
}

/// rows (M, C) -> y (T, C): what came from each token.
void combine(const Launch& launch, const TensorView& map, std::int64_t tokens, std::int64_t k) {
    const TensorView& rows = launch.in[0];
    with_float(rows.dtype, [&]<class T>(T) {
        for_each_token(launch, map, tokens, k, [&](std::int64_t t, const std::int32_t* row_of) {
            sum_copies(rows, row_of, k, row<T>(launch.out[0], t));
        });
    });
    count_vector(launch, rows.count());
}

/// Calls visit(weight of a row, that of the copy it holds) with pointers, the second null for a
/// slot that nothing fills.
template <class Visit>
void for_each_weight(const TensorView& of_rows, const TensorView& map, const TensorView& of_copies,
                     const Visit& visit) {
    const std::int64_t tokens = of_copies.rows();
    const auto* source = map.as<std::int32_t>();
    with_float(of_rows.dtype, [&]<class R>(R) {
        with_float(of_copies.dtype, [&]<class S>(S) {
            for (std::int64_t i = 0; i < map.count(); ++i) {
                S* copy = source[i] < 0
                              ? nullptr
                              : row<S>(of_copies, source[i] % tokens) + source[i] / tokens;
                visit(of_rows.as<R>()[i], copy);
            }
        });
    });
}

}  // namespace

void permute_cpu(const Permute& op, const Launch& launch) {
    const TensorView& map = launch.out[2];
    sort_by_expert(launch.in[1], op.slots, launch.out[3], map,
                   Slices(launch).take<std::int64_t>(op.experts));
    gather_rows(launch.in[0], map, launch.out[0]);
    for_each_weight(launch.out[1], map, launch.in[2], []<class R, class S>(R& of_row, S* of_copy) {
        of_row = of_copy == nullptr ? R{} : store<R>(load(*of_copy));
    });
}

void permute_grad_cpu(const PermuteGrad& op, const Launch& launch) {
    const TensorView& map = launch.in[2];
    const TensorView& dweights = launch.out[1];
    combine(launch, map, op.tokens, op.k);
    std::memset(dweights.data, 0, static_cast<std::size_t>(bytes(dweights).count()));
    for_each_weight(launch.in[1], map, dweights, []<class R, class S>(R& of_row, S* of_copy) {
        if (of_copy != nullptr) *of_copy = store<S>(load(of_row));
    });
}

void unpermute_cpu(const Unpermute& op, const Launch& launch) {
    const TensorView& map = launch.in[1];
    const auto* source = map.as<std::int32_t>();
    const std::int64_t highest = *std::max_element(source, source + map.count());
    combine(launch, map, op.tokens, std::max<std::int64_t>(highest, 0) / op.tokens + 1);
}

void unpermute_grad_cpu(const UnpermuteGrad&, const Launch& launch) {
    gather_rows(launch.in[0], launch.in[1], launch.out[0]);
}

}  // namespace headroom
