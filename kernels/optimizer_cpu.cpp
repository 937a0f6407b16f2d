#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <string>

#include "kernels/adam8.h"
#include "kernels/cpu/clones.h"
#include "kernels/cpu/convert.h"
#include "kernels/cpu/dispatch.h"
#include "kernels/cpu/elements.h"
#include "kernels/cpu/optimizer_step.h"
#include "kernels/cpu/slices.h"
#include "kernels/cpu_table.h"

namespace headroom {
namespace {

constexpr std::int64_t kNormBlock = 4096;

/// Sum of the squares of up to kNormBlock elements, in an order that depends on nothing.
double block_squares(const TensorView& gradient, std::int64_t first) {
    constexpr std::size_t kLanes = 8;
    const auto count = static_cast<std::size_t>(std::min(kNormBlock, gradient.count() - first));
    std::array<float, kNormBlock> values;
    load_floats(gradient.dtype, gradient.data + bytes_of(first, gradient.dtype),
                static_cast<std::int64_t>(count), values.data());
    std::fill(values.begin() + static_cast<std::ptrdiff_t>(count), values.end(), 0.0F);
    std::array<double, kLanes> sum{};
    for (std::size_t i = 0; i < count; i += kLanes) {
        for (std::size_t lane = 0; lane < kLanes; ++lane) {
            const auto value = static_cast<double>(values[i + lane]);
            sum[lane] += value * value;
        }
    }
    double total = 0.0;
    for (const double lane : sum) total += lane;
    return total;
}

/// The same of a whole gradient: blocks in order, as many at a time as the workspace holds.
double sum_of_squares(const TensorView& gradient, const Launch& launch) {
    const std::int64_t blocks = (gradient.count() + kNormBlock - 1) / kNormBlock;
    const std::int64_t most =
        std::max<std::int64_t>(1, std::min(scratch_capacity<double>(launch), blocks));
    auto* partial = Slices(launch).take<double>(most);
    double total = 0.0;
    for (std::int64_t first = 0; first < blocks; first += most) {
        const std::int64_t last = std::min(first + most, blocks);
#pragma omp parallel for schedule(static) if (blocks > 1)
        for (std::int64_t b = first; b < last; ++b) {
            partial[b - first] = block_squares(gradient, b * kNormBlock);
        }
        for (std::int64_t b = first; b < last; ++b) total += partial[b - first];
    }
    return total;
}

/// (gradient, sums) -> sums (2): squares, and whether one is infinite or NaN.
void grad_norm_cpu(const GradNorm& op, const Launch& launch) {
    const TensorView& gradient = launch.in[0];
    const double squares = sum_of_squares(gradient, launch);
    const double bad = std::isfinite(squares) ? 0.0 : 1.0;
    const bool add = adds(op.accumulation, launch);
    with_float(launch.out[0].dtype, [&]<class S>(S) {
        S* sums = launch.out[0].as<S>();
        const auto before = [&](int i) { return add ? static_cast<double>(load(sums[i])) : 0.0; };
        sums[0] = store<S>(before(0) + squares);
        sums[1] = store<S>(before(1) + bad);
    });
    count_vector(launch, 2 * gradient.count());
}

/// Words whose bit in the mask is 0 become 0, an infinity's too: 8 at a time.
template <class Word>
[[gnu::always_inline]] inline void clear_all(std::int64_t bytes, const std::uint8_t* mask,
                                             Word* words) {
    for (std::int64_t byte = 0; byte < bytes; ++byte) {
        for (int i = 0; i < 8; ++i) {
            const auto kept = static_cast<Word>(mask[byte] >> i & 1);
            words[8 * byte + i] &= static_cast<Word>(Word{0} - kept);
        }
    }
}
HEADROOM_CLONES void clear(std::int64_t bytes, const std::uint8_t* mask, std::uint16_t* words) {
    clear_all(bytes, mask, words);
}
HEADROOM_CLONES void clear(std::int64_t bytes, const std::uint8_t* mask, std::uint32_t* words) {
    clear_all(bytes, mask, words);
}
void clear(std::int64_t bytes, const std::uint8_t* mask, std::uint64_t* words) {
    clear_all(bytes, mask, words);
}

template <class Word>
void clear_unmasked(std::int64_t count, const std::uint8_t* mask, Word* gradient) {
    constexpr std::int64_t kBytes = 512;  // of the mask, at a time
    const std::int64_t whole = count / 8;
#pragma omp parallel for schedule(static) if (count >= kParallelElements)
    for (std::int64_t first = 0; first < whole; first += kBytes) {
        clear(std::min(kBytes, whole - first), mask + first, gradient + 8 * first);
    }
    for (std::int64_t i = 8 * whole; i < count; ++i) {
        if ((mask[whole] >> (i % 8) & 1) == 0) gradient[i] = 0;
    }
}

void mask_gradient_cpu(const MaskGradient&, const Launch& launch) {
    const TensorView& gradient = launch.out[0];
    const auto* mask = launch.in[1].as<std::uint8_t>();
    switch (bits(gradient.dtype)) {
        case 16:
            return clear_unmasked(gradient.count(), mask, gradient.as<std::uint16_t>());
        case 32:
            return clear_unmasked(gradient.count(), mask, gradient.as<std::uint32_t>());
        default:
            return clear_unmasked(gradient.count(), mask, gradient.as<std::uint64_t>());
    }
}

/// The outputs of an update: weights [, master], states.
struct Unit {
    std::size_t states = 0;  ///< index of the first state
    bool master = false;

    Unit(const Update& op, const Launch& launch) {
        const auto kept = optimizer_states(op.optimizer, 0, 0).size();
        states = launch.out.size() - kept;
        master = states > 1;
    }
};

constexpr std::int64_t kChunk = 2048;  ///< elements that one thread updates at a time, in its cache
static_assert(kChunk % kAdam8Block == 0);
using Floats = std::array<float, kChunk>;

/// A chunk of a tensor as floats: where it lies when it is f32, else read into `buffer`.
float* floats(const TensorView& view, std::int64_t first, std::int64_t count, Floats& buffer) {
    if (view.dtype == DType::f32) return view.as<float>() + first;
    load_floats(view.dtype, view.data + bytes_of(first, view.dtype), count, buffer.data());
    return buffer.data();
}

void step(OptimizerKind optimizer, const StepRates& rates, const StepElements& elements) {
    switch (optimizer) {
        case OptimizerKind::adamw:
        case OptimizerKind::adamw8bit:
            return step_adamw(rates, elements);
        case OptimizerKind::sgd:
            return step_sgd(rates, elements);
        case OptimizerKind::lion:
            return step_lion(rates, elements);
        case OptimizerKind::adafactor:
            return;
    }
}

/// The 8-bit states of a chunk: exp_avg, exp_avg_sq and their scales.
struct Adam8Chunk {
    std::span<const TensorView> states{};
    std::int64_t first = 0;
    std::int64_t count = 0;

    void read(Floats& m, Floats& v) const {
        load_adam8(kAdam8Signed, codes(0), scales(2), count, m.data());
        load_adam8(kAdam8Unsigned, codes(1), scales(3), count, v.data());
    }
    void write(const Floats& m, const Floats& v) const {
        store_adam8(kAdam8Signed, m.data(), count, codes(0), scales(2));
        store_adam8(kAdam8Unsigned, v.data(), count, codes(1), scales(3));
    }

private:
    [[nodiscard]] std::uint8_t* codes(std::size_t i) const {
        return states[i].as<std::uint8_t>() + first;
    }
    [[nodiscard]] float* scales(std::size_t i) const {
        return states[i].as<float>() + first / kAdam8Block;
    }
};

void update_chunk(const Update& op, const Launch& launch, const Unit& unit, const StepRates& rates,
                  std::int64_t first) {
    const TensorView& weights = launch.out[0];
    const TensorView& source = launch.out[unit.master ? 1 : 0];
    const auto states = launch.out.subspan(unit.states);
    const std::int64_t count = std::min(kChunk, weights.count() - first);
    Floats weight;
    Floats gradient;
    Floats m;
    Floats v;
    StepElements all{.weight = floats(source, first, count, weight),
                     .gradient = floats(launch.in[1], first, count, gradient),
                     .count = count};
    const Adam8Chunk packed{states, first, count};
    if (op.optimizer == OptimizerKind::adamw8bit) {
        packed.read(m, v);
        all.first = m.data();
        all.second = v.data();
    } else {
        all.first = states[0].as<float>() + first;
        all.second = states.size() > 1 ? states[1].as<float>() + first : nullptr;
    }
    const std::int64_t decayed = std::clamp<std::int64_t>(op.decayed - first, 0, count);
    step(op.optimizer, rates, all.part(0, decayed));
    step(op.optimizer, rates.without_decay(), all.part(decayed, count));
    if (op.optimizer == OptimizerKind::adamw8bit) packed.write(m, v);
    if (!unit.master && weights.dtype == DType::f32) return;  // they were updated where they lie
    store_floats(weights.dtype, all.weight, count, weights.data + bytes_of(first, weights.dtype));
}

/// (any, gradient, sums ...) -> (weights [, master], states ...), all in place
void update_cpu(const Update& op, const Launch& launch) {
    const TensorView& sums = launch.in[2];
    const auto sum = [&](std::int64_t i) {
        return with_float(sums.dtype,
                          [&]<class S>(S) { return static_cast<double>(load(sums.as<S>()[i])); });
    };
    if (op.loss_scaling && sum(1) > 0.0) return;
    const StepRates rates = step_rates(*launch.scalars, sum(0));
    const Unit unit(op, launch);
    const std::int64_t count = launch.out[0].count();
#pragma omp parallel for schedule(static) if (count > kChunk)
    for (std::int64_t first = 0; first < count; first += kChunk) {
        update_chunk(op, launch, unit, rates, first);
    }
    count_vector(launch, 15 * count);
}

std::string refuses_update(const Op& any, const Launch& launch) {
    const auto& op = std::get<Update>(any);
    if (op.optimizer == OptimizerKind::adafactor) {
        return "Adafactor keeps sums of a matrix's rows and columns, and the flat units of a plan "
               "do not say where their matrices begin";
    }
    const DType weights = launch.out[0].dtype;
    if (weights == DType::f32 || weights == DType::bf16 || weights == DType::f16) return {};
    return fmt::format("weights in {} cannot be updated: fp32, bf16 or fp16 can", name(weights));
}

}  // namespace

void add_optimizer_rows(KernelTable& table) {
    set_row<grad_norm_cpu>(table);
    set_row<mask_gradient_cpu>(table);
    set_row<update_cpu>(table, refuses_update);
}

}  // namespace headroom
