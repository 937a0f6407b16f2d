#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "kernels/kernel_table.h"

namespace {

using namespace headroom;

constexpr std::int64_t kParameters = std::int64_t{1} << 26;
/// What AdamW moves of a parameter whose gradient has 16 bits: it reads the gradient, writes the
/// weight, reads and writes master and both moments.
constexpr std::int64_t kBytes = 2 + 2 + 3 * 8;

/// Flat tensors of one size, all elements zero.
class Tensors {
public:
    explicit Tensors(std::int64_t count) : count_(count) {}

    TensorView add(DType dtype) {
        auto& block = blocks_.emplace_back(static_cast<std::size_t>(bytes_of(count_, dtype)));
        TensorView view;
        view.shape = {count_};
        view.dtype = dtype;
        view.data = block.data();
        view.stride = count_;
        return view;
    }

private:
    std::int64_t count_;
    std::vector<std::vector<std::byte>> blocks_{};
};

void run(benchmark::State& state, const Op& op, const Launch& launch, std::int64_t bytes) {
    for (auto _ : state) {
        cpu_table()[op].run(op, launch);
        benchmark::ClobberMemory();
    }
    const auto seconds = benchmark::Counter::kIsIterationInvariantRate;
    state.counters["GB/s"] = benchmark::Counter(static_cast<double>(bytes) / 1e9, seconds);
    state.counters["bytes"] = static_cast<double>(bytes);
}

void update(benchmark::State& state, OptimizerKind optimizer, DType weights, DType gradient,
            std::int64_t bytes) {
    Tensors tensors(kParameters);
    const StepScalars scalars{.learning_rate = 1e-3F, .weight_decay = 0.1F, .clip = 1.0F};
    std::vector<TensorView> out{tensors.add(weights)};
    if (weights != DType::f32) out.push_back(tensors.add(DType::f32));
    for (const auto& spec : optimizer_states(optimizer, kParameters, 0)) {
        out.push_back(tensors.add(spec.dtype));
    }
    const std::vector<TensorView> in{out.back(), tensors.add(gradient), tensors.add(DType::f32)};
    run(state, Update{.optimizer = optimizer, .decayed = kParameters},
        {.in = in, .out = out, .scalars = &scalars}, bytes * kParameters);
}

void AdamwOfBf16Gradients(benchmark::State& state) {
    update(state, OptimizerKind::adamw, DType::bf16, DType::bf16, kBytes);
}
BENCHMARK(AdamwOfBf16Gradients)->Unit(benchmark::kMillisecond)->UseRealTime();

void AdamwOfF32Gradients(benchmark::State& state) {
    update(state, OptimizerKind::adamw, DType::bf16, DType::f32, kBytes + 2);
}
BENCHMARK(AdamwOfF32Gradients)->Unit(benchmark::kMillisecond)->UseRealTime();

void AdamwOfF16Gradients(benchmark::State& state) {
    update(state, OptimizerKind::adamw, DType::f16, DType::f16, kBytes);
}
BENCHMARK(AdamwOfF16Gradients)->Unit(benchmark::kMillisecond)->UseRealTime();

void AdamwOfF32Weights(benchmark::State& state) {
    update(state, OptimizerKind::adamw, DType::f32, DType::f32, kBytes);
}
BENCHMARK(AdamwOfF32Weights)->Unit(benchmark::kMillisecond)->UseRealTime();

void Adamw8bitOfBf16Gradients(benchmark::State& state) {
    update(state, OptimizerKind::adamw8bit, DType::bf16, DType::bf16, 2 + 2 + 8 + 2 * 2);
}
BENCHMARK(Adamw8bitOfBf16Gradients)->Unit(benchmark::kMillisecond)->UseRealTime();

/// b = a, of as many bytes as AdamW moves.
void Copy(benchmark::State& state) {
    constexpr std::int64_t kTotal = kBytes * kParameters;
    Tensors tensors(kTotal / 8);
    const std::vector<TensorView> in{tensors.add(DType::f32)};
    const std::vector<TensorView> out{tensors.add(DType::f32)};
    run(state, Transfer{}, {.in = in, .out = out}, kTotal);
}
BENCHMARK(Copy)->Unit(benchmark::kMillisecond)->UseRealTime();

/// c = scale * a + b, of as many bytes as AdamW moves.
void Triad(benchmark::State& state) {
    constexpr std::int64_t kTotal = kBytes * kParameters;
    Tensors tensors(kTotal / 12);
    const std::vector<TensorView> in{tensors.add(DType::f32), tensors.add(DType::f32)};
    const std::vector<TensorView> out{tensors.add(DType::f32)};
    run(state, Add{.scale = 3.0, .in_place = false}, {.in = in, .out = out}, kTotal);
}
BENCHMARK(Triad)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace

BENCHMARK_MAIN();
