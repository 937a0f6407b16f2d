#include "kernels/cuda_table.h"
#include "kernels/device/any_vector.cuh"
#include "kernels/device/reduce.cuh"
#include "kernels/device/refuse.h"
#include "kernels/device/stable_sort.cuh"
#include "kernels/device/token_scores.cuh"
#include "planner/step/op/routing.h"

// A row of a map names the copy of a token that it holds: choice * tokens + token, or -1.

namespace headroom {
namespace {

using namespace device;

constexpr int kThreads = 256;

/// Where the sorted copies go.
struct Placement {
    Sorted sorted{};
    const std::int32_t* experts = nullptr;  ///< of the copies, token by token
    AnyVector weights{};                    ///< the same
    std::int32_t* map = nullptr;
    AnyVector row_weights{};
    std::int32_t* counts = nullptr;
    std::int64_t copies = 0;
    std::int64_t tokens = 0;
    std::int64_t choices = 1;  ///< of a token
    std::int64_t slots = 0;    ///< of an expert; 0: as many as it is chosen
    std::int64_t expert_count = 0;

    [[nodiscard]] __device__ __forceinline__ std::int32_t start(std::int64_t expert) const {
        return sorted.starts[expert * sorted.tiles];
    }
};

template <class P>
__global__ void __launch_bounds__(kThreads) place_copies(P of) {
    const std::int64_t step = std::int64_t{gridDim.x} * kThreads;
    const std::int64_t thread = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
    for (std::int64_t e = thread; e < of.expert_count; e += step) {
        const std::int64_t chosen = of.start(e + 1) - of.start(e);
        of.counts[e] =
            static_cast<std::int32_t>(of.slots > 0 && chosen > of.slots ? of.slots : chosen);
    }
    for (std::int64_t i = thread; i < of.copies; i += step) {
        const std::int64_t at = of.sorted.order[i];
        const std::int32_t expert = of.experts[at];
        const std::int64_t rank = i - of.start(expert);
        if (of.slots > 0 && rank >= of.slots) continue;
        const std::int64_t row = of.slots > 0 ? expert * of.slots + rank : i;
        of.map[row] = static_cast<std::int32_t>(at % of.choices * of.tokens + at / of.choices);
        of.row_weights.put(row, of.weights.template get<1>(at)[0], false);
    }
}

/// to[row] = from[token of the row]; zeros where there is none.
template <class T>
struct GatherRows {
    Rows<const T> from{};
    const std::int32_t* map = nullptr;
    std::int64_t tokens = 0;
    Rows<T> to{};
    template <int N>
    __device__ __forceinline__ void run(std::int64_t row, std::int64_t column) const {
        const std::int32_t copy = map[row];
        Vec<T, N> value;
        if (copy >= 0) {
            value = load_vec<N>(from.at(copy % tokens, column));
        } else {
#pragma unroll
            for (int i = 0; i < N; ++i) value[i] = from_float<T>(0.0F);
        }
        store_vec<N>(to.at(row, column), value);
    }
};

void gather_rows(const Launch& launch, const TensorView& from, const TensorView& map,
                 const TensorView& to) {
    const Columns all{to.rows(), 0, to.columns()};
    with_float(to.dtype, [&]<class T>(T) {
        const GatherRows<T> body{rows_of<const T>(from), map.as<const std::int32_t>(), from.rows(),
                                 rows_of<T>(to)};
        with_width<T>({&from, &to},
                      [&](auto n) { launch_rows<decltype(n)::value>(launch, all, body); });
    });
}

void permute_cuda(const Permute& op, const Launch& launch) {
    const TensorView& experts = launch.in[1];
    const TensorView& map = launch.out[2];
    const TensorView& row_weights = launch.out[1];
    const auto* const keys = experts.as<const std::int32_t>();
    const auto size = [](const TensorView& view) {
        return static_cast<std::size_t>(bytes(view).count());
    };
    if (op.slots > 0) {
        fill_bytes(launch.stream, map.data, 0xFF, size(map));
        fill_bytes(launch.stream, row_weights.data, 0, size(row_weights));
    }
    Slices slices(launch);
    const Placement of{.sorted = stable_sort(launch, slices, keys, experts.count(), op.experts),
                       .experts = keys,
                       .weights = any_vector(launch.in[2]),
                       .map = map.as<std::int32_t>(),
                       .row_weights = any_vector(row_weights),
                       .counts = launch.out[3].as<std::int32_t>(),
                       .copies = experts.count(),
                       .tokens = experts.rows(),
                       .choices = experts.columns(),
                       .slots = op.slots,
                       .expert_count = op.experts};
    launch_kernel(place_copies<Placement>, {grid_for(divide_up(of.copies, kThreads))}, {kThreads},
                  0, launch.stream, of);
    gather_rows(launch, launch.in[0], map, launch.out[0]);
}

/// Rows by the copy that they hold, and the highest copy there is.
struct Inverse {
    std::int32_t* row_of = nullptr;
    std::int32_t* highest = nullptr;
    std::int64_t tokens = 0;
    std::int64_t most = 0;  ///< copies that row_of has room for

    [[nodiscard]] __device__ __forceinline__ std::int32_t choices() const {
        return *highest < 0 ? 0 : *highest / static_cast<std::int32_t>(tokens) + 1;
    }
};

template <class I>
__global__ void __launch_bounds__(kThreads)
    invert_map(const std::int32_t* map, std::int64_t rows, I to) {
    const std::int64_t step = std::int64_t{gridDim.x} * kThreads;
    std::int32_t highest = -1;
    for (std::int64_t row = std::int64_t{blockIdx.x} * kThreads + threadIdx.x; row < rows;
         row += step) {
        const std::int32_t copy = map[row];
        if (copy < 0 || copy >= to.most) continue;
        to.row_of[copy] = static_cast<std::int32_t>(row);
        highest = highest < copy ? copy : highest;
    }
    highest = block_reduce(highest, Maximum{}, std::int32_t{-1});
    if (threadIdx.x == 0) atomicMax(to.highest, highest);
}

Inverse invert(const Launch& launch, const TensorView& map, std::int64_t tokens,
               std::int64_t choices) {
    Slices slices(launch);
    auto* const highest = slices.take<std::int32_t>(1);
    const std::int64_t most = tokens * choices;
    const Inverse to{slices.take<std::int32_t>(most), highest, tokens, most};
    fill_bytes(launch.stream, highest, 0xFF, sizeof(*highest));
    fill_bytes(launch.stream, to.row_of, 0xFF, sizeof(*highest) * static_cast<std::size_t>(most));
    launch_kernel(invert_map<Inverse>, {grid_for(divide_up(map.count(), kThreads))}, {kThreads}, 0,
                  launch.stream, map.as<const std::int32_t>(), map.count(), to);
    return to;
}

/// y of a token = the sum of its copies, in the order of its choices.
template <class T>
struct CombineRows {
    Rows<const T> rows{};
    Inverse of{};
    Rows<T> y{};
    template <int N>
    __device__ __forceinline__ void run(std::int64_t token, std::int64_t column) const {
        Floats<N> sum;
#pragma unroll
        for (int i = 0; i < N; ++i) sum[i] = 0.0F;
        const std::int32_t choices = of.choices();
        const std::int32_t* at = of.row_of + token;
#pragma unroll 1  // four at a time are a register too many for a full multiprocessor
        for (std::int32_t choice = 0; choice < choices; ++choice, at += of.tokens) {
            const std::int32_t row = *at;
            if (row < 0) continue;
            const auto copy = load<N>(rows.at(row, column));
#pragma unroll
            for (int i = 0; i < N; ++i) sum[i] += copy[i];
        }
        store<N>(y.at(token, column), sum);
    }
};

void combine(const Launch& launch, const Inverse& of) {
    const TensorView& rows = launch.in[0];
    const TensorView& y = launch.out[0];
    const Columns all{y.rows(), 0, y.columns()};
    with_float(y.dtype, [&]<class T>(T) {
        const CombineRows<T> body{rows_of<const T>(rows), of, rows_of<T>(y)};
        with_width<T>({&rows, &y},
                      [&](auto n) { launch_rows<decltype(n)::value>(launch, all, body); });
    });
}

/// The gradient of a copy's weight is its row's; of one that was dropped, 0.
struct ReturnWeights {
    AnyVector of_rows{};
    Inverse of{};
    AnyVector of_copies{};
    std::int64_t choices = 1;
    template <int N>
    __device__ __forceinline__ void run(std::int64_t token, std::int64_t choice) const {
        static_assert(N == 1);
        const std::int32_t row = of.row_of[choice * of.tokens + token];
        of_copies.put(token * choices + choice, row < 0 ? 0.0F : of_rows.get<1>(row)[0], false);
    }
};

void permute_grad_cuda(const PermuteGrad& op, const Launch& launch) {
    const Inverse of = invert(launch, launch.in[2], op.tokens, op.k);
    combine(launch, of);
    const ReturnWeights body{any_vector(launch.in[1]), of, any_vector(launch.out[1]), op.k};
    launch_rows<1>(launch, {op.tokens, 0, op.k}, body);
}

void unpermute_cuda(const Unpermute& op, const Launch& launch) {
    combine(launch, invert(launch, launch.in[1], op.tokens, kMostChoices));
}

void unpermute_grad_cuda(const UnpermuteGrad&, const Launch& launch) {
    gather_rows(launch, launch.in[0], launch.in[1], launch.out[0]);
}

std::string refuse_permute(const Op& op, const Launch& launch) {
    if (const std::int64_t experts = std::get<Permute>(op).experts; experts > kMostExperts) {
        return std::to_string(experts) + " experts; the CUDA kernel sorts by " +
               std::to_string(kMostExperts) + " at most";
    }
    return refuse_f64(op, launch);
}

}  // namespace

void add_permute_cuda_rows(KernelTable& table) {
    set_row<permute_cuda>(table, refuse_permute);
    set_row<permute_grad_cuda>(table, refuse_f64);
    set_row<unpermute_cuda>(table, refuse_f64);
    set_row<unpermute_grad_cuda>(table, refuse_f64);
}

}  // namespace headroom
