#include "kernels/cpu/slices.h"
#include "kernels/cuda_table.h"
#include "kernels/device/any_vector.cuh"
#include "kernels/device/optimizer_rules.cuh"
#include "kernels/device/reduce.cuh"
#include "kernels/device/refuse.h"
#include "kernels/device/rows.cuh"
#include "planner/step/op/optimizer.h"

namespace headroom {
namespace {

using namespace device;

constexpr int kThreads = 256;

/// Squares of a block's share of the gradient: N at a time in float, then in double.
template <int N>
__global__ void __launch_bounds__(kThreads)
    sum_squares(AnyVector gradient, std::int64_t count, double* shares) {
    const std::int64_t whole = count / N * N;
    const std::int64_t step = std::int64_t{gridDim.x} * kThreads * N;
    const std::int64_t thread = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
    double sum = 0.0;
    for (std::int64_t i = thread * N; i < whole; i += step) {
        const auto value = gradient.get<N>(i);
        float squares = 0.0F;
#pragma unroll
        for (int k = 0; k < N; ++k) squares = fmaf(value[k], value[k], squares);
        sum += static_cast<double>(squares);
    }
    if (whole + thread < count) {
        const float value = gradient.get<1>(whole + thread)[0];
        sum += static_cast<double>(value * value);
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) shares[blockIdx.x] = sum;
}

/// sums = (squares, whether one is infinite or NaN); one block.
__global__ void __launch_bounds__(kThreads)
    finish_squares(const double* shares, int count, AnyVector sums, bool add) {
    double sum = 0.0;
    for (int i = static_cast<int>(threadIdx.x); i < count; i += kThreads) sum += shares[i];
    sum = block_sum(sum);
    if (threadIdx.x != 0) return;
    sums.put(0, static_cast<float>(sum), add);
    sums.put(1, sum - sum == 0.0 ? 0.0F : 1.0F, add);  // inf and NaN give NaN
}

void grad_norm_cuda(const GradNorm& op, const Launch& launch) {
    const TensorView& gradient = launch.in[0];
    const std::int64_t count = gradient.count();
    const std::int64_t wanted = grid_for(divide_up(count, kThreads * 8));
    Slices slices(launch);
    const int blocks = slices.parts(sizeof(double), static_cast<int>(wanted));
    auto* const shares = slices.take<double>(blocks);
    const AnyVector values = any_vector(gradient);
    const bool wide = starts_aligned(8, {&gradient});
    launch_kernel(wide ? sum_squares<8> : sum_squares<1>, {static_cast<unsigned>(blocks)},
                  {kThreads}, 0, launch.stream, values, count, shares);
    launch_kernel(finish_squares, {1}, {kThreads}, 0, launch.stream, shares, blocks,
                  any_vector(launch.out[0]), adds(op.accumulation, launch));
}

/// The gradient of elements whose bit in the mask is 0 becomes 0; a byte of the mask a thread.
template <int N>
__global__ void __launch_bounds__(kThreads)
    clear_unmasked(AnyVector gradient, const std::uint8_t* mask, std::int64_t count) {
    const std::int64_t byte = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
    const std::int64_t first = 8 * byte;
    if (first >= count) return;
    const unsigned bits = mask[byte];
    if (bits == 0xFFU) return;
    if (N == 8 && first + 8 <= count) {
        auto value = gradient.get<N>(first);
#pragma unroll
        for (int i = 0; i < N; ++i) value[i] = (bits >> i & 1U) != 0 ? value[i] : 0.0F;
        gradient.set<N>(first, value);
        return;
    }
    for (int i = 0; i < 8 && first + i < count; ++i) {
        if ((bits >> i & 1U) == 0) gradient.set<1>(first + i, {0.0F});
    }
}

void mask_gradient_cuda(const MaskGradient&, const Launch& launch) {
    const TensorView& gradient = launch.out[0];
    const std::int64_t blocks = divide_up(divide_up(gradient.count(), 8), kThreads);
    const bool wide = starts_aligned(8, {&gradient});
    launch_kernel(wide ? clear_unmasked<8> : clear_unmasked<1>, {static_cast<unsigned>(blocks)},
                  {kThreads}, 0, launch.stream, any_vector(gradient),
                  launch.in[1].as<std::uint8_t>(), gradient.count());
}

/// What all updates read; `source` is the master copy, or the weights themselves.
struct UpdateArguments {
    AnyVector weights{};
    AnyVector source{};
    AnyVector gradient{};
    AnyVector sums{};
    const StepScalars* scalars = nullptr;
    std::int64_t count = 0;
    std::int64_t decayed = 0;
    bool master = false;
    bool loss_scaling = false;
};

/// The step's rates, computed by one thread of a block; false: the step is skipped.
__device__ __forceinline__ bool read_rates(const UpdateArguments& of, StepRates& rates) {
    __shared__ SharedArray<StepRates, 1> shared;
    if (threadIdx.x == 0) {
        shared[0] = step_rates(*of.scalars, static_cast<double>(of.sums.get<1>(0)[0]));
    }
    __syncthreads();
    rates = shared[0];
    return !of.loss_scaling || of.sums.get<1>(1)[0] <= 0.0F;
}

/// Elements i ... i + N - 1 in f32 states.
template <int N, class Rule>
__device__ __forceinline__ void update_pack(const UpdateArguments& of, const StepRates& rates,
                                            float* first, float* second, std::int64_t i) {
    auto weight = of.source.get<N>(i);
    const auto gradient = of.gradient.get<N>(i);
    auto m = load<N>(first + i);
    auto v = m;
    if constexpr (Rule::kStates == 2) v = load<N>(second + i);
#pragma unroll
    for (int k = 0; k < N; ++k) {
        const float decay = i + k < of.decayed ? rates.decay : 0.0F;
        Rule::step(rates, decay, gradient[k] * rates.gradient, weight[k], m[k], v[k]);
    }
    store<N>(first + i, m);
    if constexpr (Rule::kStates == 2) store<N>(second + i, v);
    if (of.master) of.source.set<N>(i, weight);
    of.weights.set<N>(i, weight);
}

template <int N, class Rule>
__global__ void __launch_bounds__(kThreads)
    update_elements(UpdateArguments of, float* first, float* second) {
    StepRates rates;
    if (!read_rates(of, rates)) return;
    const std::int64_t whole = of.count / N * N;
    const std::int64_t step = std::int64_t{gridDim.x} * kThreads * N;
    const std::int64_t thread = std::int64_t{blockIdx.x} * kThreads + threadIdx.x;
    for (std::int64_t i = thread * N; i < whole; i += step) {
        update_pack<N, Rule>(of, rates, first, second, i);
    }
    if (whole + thread < of.count) {
        update_pack<1, Rule>(of, rates, first, second, whole + thread);
    }
}

/// Codes of a block of 256 values and the largest of them.
struct Adam8State {
    std::uint8_t* codes = nullptr;
    float* largest = nullptr;
};

constexpr int kLaneCodes = static_cast<int>(kAdam8Block) / simt::kWarp;

/// The values of a lane's codes; none beyond `valid`.
template <bool whole>
__device__ __forceinline__ Floats<kLaneCodes> read_codes(const Adam8State& state, const float* map,
                                                         std::int64_t i, int valid) {
    Vec<std::uint8_t, kLaneCodes> code{};
    if constexpr (whole) {
        code = load_vec<kLaneCodes>(state.codes + i);
    } else {
#pragma unroll
        for (int k = 0; k < kLaneCodes; ++k) code[k] = k < valid ? state.codes[i + k] : 0;
    }
    const float scale = state.largest[i / kAdam8Block];
    Floats<kLaneCodes> value;
#pragma unroll
    for (int k = 0; k < kLaneCodes; ++k) value[k] = k < valid ? map[code[k]] * scale : 0.0F;
    return value;
}

/// A warp's 256 values become codes of the nearest values times their largest magnitude.
template <bool whole>
__device__ __forceinline__ void write_codes(const Adam8State& state, const float* middle,
                                            const Floats<kLaneCodes>& value, std::int64_t i,
                                            int valid) {
    float top = 0.0F;
#pragma unroll
    for (int k = 0; k < kLaneCodes; ++k) top = fmaxf(top, k < valid ? fabsf(value[k]) : 0.0F);
    top = warp_max(top);
    if (static_cast<int>(threadIdx.x) % simt::kWarp == 0) state.largest[i / kAdam8Block] = top;
    const float scale = top > 0.0F ? top : 1.0F;
    Vec<std::uint8_t, kLaneCodes> code;
#pragma unroll
    for (int k = 0; k < kLaneCodes; ++k) {
        code[k] = static_cast<std::uint8_t>(adam8_code(middle, value[k] / scale));
    }
    if constexpr (whole) {
        store_vec<kLaneCodes>(state.codes + i, code);
    } else {
#pragma unroll
        for (int k = 0; k < kLaneCodes; ++k) {
            if (k < valid) state.codes[i + k] = code[k];
        }
    }
}

/// Elements i ... i + 7 of a lane, `valid` of which there are.
template <bool whole>
__device__ __forceinline__ void update_block(const UpdateArguments& of, const StepRates& rates,
                                             const Adam8Tables& tables, const Adam8State& first,
                                             const Adam8State& second, std::int64_t i, int valid) {
    auto m = read_codes<whole>(first, tables.signed_value, i, valid);
    auto v = read_codes<whole>(second, tables.unsigned_value, i, valid);
    Floats<kLaneCodes> weight;
    Floats<kLaneCodes> gradient;
    if constexpr (whole) {
        weight = of.source.get<kLaneCodes>(i);
        gradient = of.gradient.get<kLaneCodes>(i);
    } else {
#pragma unroll
        for (int k = 0; k < kLaneCodes; ++k) {
            weight[k] = k < valid ? of.source.get<1>(i + k)[0] : 0.0F;
            gradient[k] = k < valid ? of.gradient.get<1>(i + k)[0] : 0.0F;
        }
    }
#pragma unroll
    for (int k = 0; k < kLaneCodes; ++k) {
        const float decay = i + k < of.decayed ? rates.decay : 0.0F;
        AdamwRule::step(rates, decay, gradient[k] * rates.gradient, weight[k], m[k], v[k]);
    }
    write_codes<whole>(first, tables.signed_middle, m, i, valid);
    write_codes<whole>(second, tables.unsigned_middle, v, i, valid);
    if constexpr (whole) {
        if (of.master) of.source.set<kLaneCodes>(i, weight);
        of.weights.set<kLaneCodes>(i, weight);
    } else {
#pragma unroll
        for (int k = 0; k < kLaneCodes; ++k) {
            if (k < valid && of.master) of.source.set<1>(i + k, {weight[k]});
            if (k < valid) of.weights.set<1>(i + k, {weight[k]});
        }
    }
}

/// A warp a block of 256 elements, 8 neighbours a lane; `wide`: these are read at once.
__global__ void __launch_bounds__(kThreads)
    update_adam8(UpdateArguments of, Adam8State first, Adam8State second, bool wide,
                 const __grid_constant__ Adam8Tables given) {
    __shared__ SharedArray<Adam8Tables, 1> shared;
    constexpr int kFloats = static_cast<int>(sizeof(Adam8Tables) / sizeof(float));
    for (int i = static_cast<int>(threadIdx.x); i < kFloats; i += kThreads) {
        reinterpret_cast<float*>(shared.data())[i] = reinterpret_cast<const float*>(&given)[i];
    }
    StepRates rates;
    if (!read_rates(of, rates)) return;  // whose barrier the tables have passed too
    const int lane = static_cast<int>(threadIdx.x) % simt::kWarp;
    const std::int64_t step = std::int64_t{gridDim.x} * kThreads / simt::kWarp * kAdam8Block;
    const std::int64_t warp = (std::int64_t{blockIdx.x} * kThreads + threadIdx.x) / simt::kWarp;
    for (std::int64_t block = warp * kAdam8Block; block < of.count; block += step) {
        const std::int64_t i = block + lane * kLaneCodes;
        const std::int64_t left = of.count - i;
        if (wide && block + kAdam8Block <= of.count) {
            update_block<true>(of, rates, shared[0], first, second, i, kLaneCodes);
        } else {
            const int valid =
                left < 0 ? 0 : (left < kLaneCodes ? static_cast<int>(left) : kLaneCodes);
            update_block<false>(of, rates, shared[0], first, second, i, valid);
        }
    }
}

/// The outputs of an update: weights [, master], states.
struct Unit {
    UpdateArguments arguments{};
    std::span<const TensorView> states{};
    bool wide = false;  ///< eight elements at once

    Unit(const Update& op, const Launch& launch) {
        const auto kept = optimizer_states(op.optimizer, 0, 0).size();
        states = launch.out.subspan(launch.out.size() - kept);
        const bool master = launch.out.size() - kept > 1;
        const TensorView& weights = launch.out[0];
        const TensorView& source = launch.out[master ? 1 : 0];
        const TensorView& gradient = launch.in[1];
        arguments = {.weights = any_vector(weights),
                     .source = any_vector(source),
                     .gradient = any_vector(gradient),
                     .sums = any_vector(launch.in[2]),
                     .scalars = launch.scalars,
                     .count = weights.count(),
                     .decayed = op.decayed,
                     .master = master,
                     .loss_scaling = op.loss_scaling};
        wide = starts_aligned(8, {&weights, &source, &gradient, &states[0]}) &&
               (kept == 1 || starts_aligned(8, {&states[1]}));
    }
};

template <class Rule>
void launch_update(const Launch& launch, const Unit& unit) {
    constexpr int kN = 4;
    float* const second = Rule::kStates == 2 ? unit.states[1].as<float>() : nullptr;
    const unsigned blocks = grid_for(divide_up(unit.arguments.count, kThreads * kN));
    launch_kernel(unit.wide ? update_elements<kN, Rule> : update_elements<1, Rule>, {blocks},
                  {kThreads}, 0, launch.stream, unit.arguments, unit.states[0].as<float>(), second);
}

void launch_adam8(const Launch& launch, const Unit& unit) {
    const Adam8State first{unit.states[0].as<std::uint8_t>(), unit.states[2].as<float>()};
    const Adam8State second{unit.states[1].as<std::uint8_t>(), unit.states[3].as<float>()};
    constexpr std::int64_t kBlockElements = kThreads / simt::kWarp * kAdam8Block;
    launch_kernel(update_adam8, {grid_for(divide_up(unit.arguments.count, kBlockElements))},
                  {kThreads}, 0, launch.stream, unit.arguments, first, second, unit.wide,
                  adam8_tables());
}

void update_cuda(const Update& op, const Launch& launch) {
    const Unit unit(op, launch);
    if (unit.arguments.count == 0) return;
    switch (op.optimizer) {
        case OptimizerKind::adamw:
            return launch_update<AdamwRule>(launch, unit);
        case OptimizerKind::sgd:
            return launch_update<SgdRule>(launch, unit);
        case OptimizerKind::lion:
            return launch_update<LionRule>(launch, unit);
        case OptimizerKind::adamw8bit:
            return launch_adam8(launch, unit);
        case OptimizerKind::adafactor:
            return;
    }
}

std::string refuse_update(const Op& op, const Launch& launch) {
    if (std::get<Update>(op).optimizer == OptimizerKind::adafactor) {
        return "Adafactor keeps sums of a matrix's rows and columns, and the flat units of a plan "
               "do not say where their matrices begin";
    }
    return refuse_f64(op, launch);
}

}  // namespace

void add_optimizer_cuda_rows(KernelTable& table) {
    set_row<grad_norm_cuda>(table, refuse_f64);
    set_row<mask_gradient_cuda>(table, refuse_f64);
    set_row<update_cuda>(table, refuse_update);
}

}  // namespace headroom
