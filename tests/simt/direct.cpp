#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "kernels/device/stable_sort.cuh"
#include "kernels/nf4.h"
#include "tests/kernels/call.h"
#include "tests/simt/table.h"
#include "tests/support/catch.h"
#include "tests/support/same_as_cpu.h"

// Kernels called on their own, each tensor an allocation of its own size.

namespace headroom::test {
namespace {

using Numbers = std::vector<double>;

struct Settings {
    StepScalars scalars{};
    bool first_micro_step = true;
    std::size_t workspace = 1 << 20;  ///< bytes
};

/// Returns the scalars with what the kernel added to them.
StepScalars launch(const KernelTable& table, const Op& op, const std::vector<TensorView>& in,
                   const std::vector<TensorView>& out, const Settings& settings = {}) {
    StepScalars scalars = settings.scalars;
    std::vector<std::byte> bytes(settings.workspace);
    Launch launch{.in = in,
                  .out = out,
                  .scalars = &scalars,
                  .results = &scalars,
                  .first_micro_step = settings.first_micro_step};
    launch.workspace.shape = {static_cast<std::int64_t>(bytes.size())};
    launch.workspace.dtype = DType::u8;
    launch.workspace.data = bytes.empty() ? nullptr : bytes.data();
    launch.workspace.stride = static_cast<std::int64_t>(bytes.size());
    table[op].run(op, launch);
    return scalars;
}

Numbers whole_numbers(std::int64_t count, int below, unsigned seed) {
    std::mt19937 random(seed);
    std::uniform_int_distribution<int> draw(0, below - 1);
    Numbers out(static_cast<std::size_t>(count));
    for (auto& value : out) value = draw(random);
    return out;
}

Numbers magnitudes(std::int64_t count, unsigned seed) {
    Numbers out = normal_numbers(count, seed);
    for (auto& value : out) value = std::abs(value);
    return out;
}

/// Gamma's and beta's gradients of a layer norm, as one list.
template <class Gradient>
Numbers norm_gradients(const KernelTable& table, Shape shape, Accumulation accumulation,
                       const Settings& settings) {
    const std::int64_t width = shape[1];
    Held<float> dy(shape, normal_numbers(numel(shape), 1));
    Held<float> x(shape, normal_numbers(numel(shape), 2));
    Held<float> gamma({width}, normal_numbers(width, 3));
    Held<float> rstd({shape[0]}, 0.5);
    Held<float> mean({shape[0]}, 0.1);
    Held<float> partials({kNormPartials, 2 * width}, 0.0);
    Held<Gradient> dgamma({width}, 2.0);
    Held<Gradient> dbeta({width}, 3.0);
    const NormGrad op{.kind = NormKind::layer, .bias = true, .accumulation = accumulation};
    launch(table, op, {dy.view(), x.view(), gamma.view(), rstd.view(), mean.view()},
           {dy.view(), partials.view(), dgamma.view(), dbeta.view()}, settings);
    Numbers all = dy.numbers();
    for (const Numbers& part : {dgamma.numbers(), dbeta.numbers()}) {
        all.insert(all.end(), part.begin(), part.end());
    }
    return all;
}

}  // namespace

TEST_CASE("EmulatedNormGradientsAccumulateAsTold") {
    using enum Accumulation;
    const auto accumulation = GENERATE(overwrite, add, add_after_first);
    const Settings settings{.first_micro_step = GENERATE(false, true),
                            .workspace = GENERATE(std::size_t{0}, std::size_t{1} << 20)};
    const Shape shape{41, 24};
    const Settings roomy{.first_micro_step = settings.first_micro_step};
    CHECK(relative_difference(norm_gradients<float>(simt_table(), shape, accumulation, settings),
                              norm_gradients<float>(cpu_table(), shape, accumulation, roomy)) <=
          3e-6);
    CHECK(relative_difference(norm_gradients<BFloat16>(simt_table(), shape, accumulation, settings),
                              norm_gradients<BFloat16>(cpu_table(), shape, accumulation, roomy)) <=
          8e-3);
}

TEST_CASE("EmulatedNormReadsRowsThatSharedMemoryCannotHold") {
    const std::int64_t width = GENERATE(24000, 60000);
    Held<float> x({2, width}, normal_numbers(2 * width, 1));
    Held<float> gamma({width}, normal_numbers(width, 2));
    Numbers found[2];
    for (const bool emulated : {false, true}) {
        const KernelTable& table = emulated ? simt_table() : cpu_table();
        Held<float> y({2, width}, 0.0);
        Held<float> rstd({2}, 0.0);
        launch(table, Norm{}, {x.view(), gamma.view()}, {y.view(), rstd.view()});
        found[emulated ? 1 : 0] = y.numbers();
    }
    CHECK(relative_difference(found[1], found[0]) <= 3e-6);
    if (width > 30000) return;
    const Settings settings{};
    CHECK(relative_difference(
              norm_gradients<float>(simt_table(), {2, width}, Accumulation::add, settings),
              norm_gradients<float>(cpu_table(), {2, width}, Accumulation::add, settings)) <= 3e-6);
}

TEST_CASE("EmulatedEmbeddingGradientFitsAnyWorkspace") {
    using enum Accumulation;
    const auto accumulation = GENERATE(overwrite, add);
    const std::size_t workspace = GENERATE(std::size_t{1} << 16, std::size_t{1} << 20);
    const std::int64_t tokens = 900;
    Held<std::int32_t> ids({tokens}, whole_numbers(tokens, 12, 1));
    Held<BFloat16> dy({tokens, 16}, normal_numbers(tokens * 16, 2), 8);
    Numbers found[2];
    for (const bool emulated : {false, true}) {
        Held<float> table({14, 16}, 1.0);
        const EmbeddingGrad op{.scale = 0.5, .accumulation = accumulation};
        launch(emulated ? simt_table() : cpu_table(), op, {ids.view(), dy.view()}, {table.view()},
               {.workspace = workspace});
        found[emulated ? 1 : 0] = table.numbers();
    }
    CHECK(relative_difference(found[1], found[0]) <= 3e-6);
}

TEST_CASE("EmulatedSortKeepsTheOrderOfEqualKeys") {
    const auto [count, limit] = GENERATE(std::pair(1, 1), std::pair(700, 3), std::pair(5000, 1023),
                                         std::pair(3000, 70000), std::pair(2000, 3000000));
    std::mt19937 random(5);
    std::uniform_int_distribution<std::int32_t> draw(-3, limit + 2);
    std::vector<std::int32_t> keys(static_cast<std::size_t>(count));
    for (auto& key : keys) key = draw(random);
    std::vector<std::byte> bytes(1 << 22);
    Launch with{};
    with.workspace.data = bytes.data();
    with.workspace.shape = {1 << 22};
    with.workspace.dtype = DType::u8;
    Slices slices(with);
    const device::Sorted sorted = device::stable_sort(with, slices, keys.data(), count, limit);
    std::vector<std::int32_t> expected(keys.size());
    std::iota(expected.begin(), expected.end(), 0);
    const auto key = [&](std::int32_t at) {
        const std::int32_t value = keys[static_cast<std::size_t>(at)];
        return value < 0 || value > limit ? limit : value;
    };
    std::ranges::stable_sort(expected, {}, key);
    CHECK(std::vector(sorted.order, sorted.order + count) == expected);
}

TEST_CASE("EmulatedRouterAddsTheCpusLosses") {
    const auto score = GENERATE(ScoreKind::softmax, ScoreKind::sigmoid);
    const std::int64_t tokens = GENERATE(1, 300);
    const std::int64_t experts = 12;
    const TopK op{.k = 3, .score = score, .aux = 0.7, .z = 0.3};
    Held<float> logits({tokens, experts}, normal_numbers(tokens * experts, 1));
    double sums[2] = {};
    for (const bool emulated : {false, true}) {
        Held<float> probabilities({tokens, experts}, 0.0);
        Held<float> weights({tokens, 3}, 0.0);
        Held<std::int32_t> chosen({tokens, 3}, 0.0);
        Held<float> lse({tokens}, 0.0);
        sums[emulated ? 1 : 0] =
            launch(emulated ? simt_table() : cpu_table(), op, {logits.view()},
                   {probabilities.view(), weights.view(), chosen.view(), lse.view()},
                   {.scalars = {.auxiliary_sum = 2.0}})
                .auxiliary_sum;
    }
    CHECK(sums[1] == Approx(sums[0]).epsilon(1e-6));
    CHECK(sums[1] > 2.0);
}

TEST_CASE("EmulatedDequantizationIsTheCpusToTheBit") {
    const bool twice = GENERATE(false, true);
    const std::int64_t count = GENERATE(3, 64 * 300 + 5);
    const std::int64_t blocks = (count + kNf4Block - 1) / kNf4Block;
    const std::int64_t supers = (blocks + kNf4SuperBlock - 1) / kNf4SuperBlock;
    Held<std::uint8_t> codes({(count + 1) / 2}, whole_numbers((count + 1) / 2, 256, 1));
    Held<float> plain({blocks}, magnitudes(blocks, 2));
    Held<std::uint8_t> scales({blocks}, whole_numbers(blocks, 256, 3));
    Held<float> super({supers}, magnitudes(supers, 4));
    Held<float> mean({1}, 0.5);
    const std::vector<TensorView> in =
        twice ? std::vector{codes.view(), scales.view(), super.view(), mean.view()}
              : std::vector{codes.view(), plain.view()};
    Held<BFloat16> expected({count}, 0.0);
    Held<BFloat16> found({count}, 0.0);
    launch(cpu_table(), Dequantize{}, in, {expected.view()});
    launch(simt_table(), Dequantize{}, in, {found.view()});
    CHECK(found.numbers() == expected.numbers());
}

namespace {

/// A unit of parameters and its optimizer states; `Codes`: u8 or float states.
template <class Weight, class State>
struct UnitUnderTest {
    std::int64_t count;
    Held<Weight> weights{{count}, normal_numbers(count, 1)};
    Held<Weight> gradient{{count}, normal_numbers(count, 2)};
    Held<float> sums;
    Held<float> master{{count}, normal_numbers(count, 3)};
    Held<State> first;
    Held<State> second;
    Held<float> first_scales{{(count + kAdam8Block - 1) / kAdam8Block}, 0.3};
    Held<float> second_scales{{(count + kAdam8Block - 1) / kAdam8Block}, 0.2};

    static Numbers states(std::int64_t count, unsigned seed) {
        return std::is_same_v<State, float> ? magnitudes(count, seed)
                                            : whole_numbers(count, 256, seed);
    }
    UnitUnderTest(std::int64_t elements, const Numbers& squares)
        : count(elements),
          sums({2}, squares),
          first({count}, states(count, 4)),
          second({count}, states(count, 5)) {}

    Numbers update(const KernelTable& table, OptimizerKind optimizer, bool with_master) {
        const std::size_t kept = optimizer_states(optimizer, count, 0).size();
        std::vector<TensorView> out{weights.view()};
        if (with_master) out.push_back(master.view());
        const std::vector states{first.view(), second.view(), first_scales.view(),
                                 second_scales.view()};
        out.insert(out.end(), states.begin(), states.begin() + static_cast<std::ptrdiff_t>(kept));
        const Update op{.optimizer = optimizer, .decayed = count / 3, .loss_scaling = true};
        const StepScalars scalars{.learning_rate = 0.1F,
                                  .weight_decay = 0.02F,
                                  .correction1 = 0.3F,
                                  .correction2 = 0.2F,
                                  .clip = 0.5F,
                                  .loss_scale = 8.0F};
        launch(table, op, {weights.view(), gradient.view(), sums.view()}, out,
               {.scalars = scalars});
        Numbers all = weights.numbers();
        for (const Numbers& part : {master.numbers(), first.numbers(), second.numbers(),
                                    first_scales.numbers(), second_scales.numbers()}) {
            all.insert(all.end(), part.begin(), part.end());
        }
        return all;
    }
};

template <class Weight, class State>
void check_update(OptimizerKind optimizer, double tolerance) {
    for (const bool with_master : {false, true}) {
        for (const std::int64_t count : {5, 1031, 2048}) {
            INFO(count << " elements, optimizer " << static_cast<int>(optimizer));
            const Numbers sums{64.0 * 49.0, 0.0};
            UnitUnderTest<Weight, State> expected(count, sums);
            UnitUnderTest<Weight, State> found(count, sums);
            CHECK(relative_difference(found.update(simt_table(), optimizer, with_master),
                                      expected.update(cpu_table(), optimizer, with_master)) <=
                  tolerance);
        }
    }
}

}  // namespace

TEST_CASE("EmulatedUpdateAgreesWithTheCpu") {
    using enum OptimizerKind;
    for (const auto optimizer : {adamw, sgd, lion}) {
        check_update<float, float>(optimizer, 3e-6);
        check_update<BFloat16, float>(optimizer, 1e-3);
        check_update<Float16, float>(optimizer, 1e-4);
    }
    check_update<float, std::uint8_t>(adamw8bit, 1e-3);
    check_update<BFloat16, std::uint8_t>(adamw8bit, 1e-3);
}

TEST_CASE("EmulatedUpdateLeavesAStepThatOverflowed") {
    using enum OptimizerKind;
    UnitUnderTest<Float16, float> untouched(300, {1.0, 1.0});
    UnitUnderTest<Float16, float> found(300, {1.0, 1.0});
    const Numbers before = untouched.update(cpu_table(), adamw, true);
    CHECK(found.update(simt_table(), adamw, true) == before);
}

TEST_CASE("EmulatedGradientNormAgreesWithTheCpu") {
    const std::int64_t count = GENERATE(1, 777, 20000);
    const auto accumulation = GENERATE(Accumulation::overwrite, Accumulation::add);
    const double odd = GENERATE(0.5, std::numeric_limits<double>::infinity(),
                                std::numeric_limits<double>::quiet_NaN());
    Numbers values = normal_numbers(count, 1);
    values.back() = odd;
    Held<BFloat16> gradient({count}, values);
    Numbers found[2];
    for (const bool emulated : {false, true}) {
        Held<float> sums({2}, 3.0);
        launch(emulated ? simt_table() : cpu_table(), GradNorm{.accumulation = accumulation},
               {gradient.view(), sums.view()}, {sums.view()});
        found[emulated ? 1 : 0] = sums.numbers();
    }
    CHECK(relative_difference(found[1], found[0]) <= 1e-6);
}

TEST_CASE("EmulatedMasksClearWhatTheCpusClear") {
    const std::int64_t count = GENERATE(1, 8, 777, 20003);
    const std::int64_t from = GENERATE(0, 1);  // 1: no wide access
    Numbers bits;
    for (std::int64_t i = 0; i < count; i += 8) bits.push_back(static_cast<double>(i * 37 % 256));
    Held<std::uint8_t> mask({static_cast<std::int64_t>(bits.size())}, bits);
    Numbers found[2];
    for (const bool emulated : {false, true}) {
        Held<BFloat16> whole({count + 1}, normal_numbers(count + 1, 1));
        TensorView gradient = whole.view();
        gradient.data += from * 2;
        gradient.shape = {count};
        launch(emulated ? simt_table() : cpu_table(), MaskGradient{}, {gradient, mask.view()},
               {gradient});
        found[emulated ? 1 : 0] = whole.numbers();
    }
    CHECK(found[1] == found[0]);
}

TEST_CASE("EmulatedTransfersAddAndCopyWhatLiesApart") {
    for (const auto accumulation : {Accumulation::overwrite, Accumulation::add}) {
        Held<BFloat16> from({5, 24}, normal_numbers(120, 1), 8);
        Held<BFloat16> expected({5, 24}, 2.0);
        Held<BFloat16> found({5, 24}, 2.0);
        const Transfer op{.accumulation = accumulation};
        launch(cpu_table(), op, {from.view()}, {expected.view()});
        launch(simt_table(), op, {from.view()}, {found.view()});
        CHECK(found.numbers() == expected.numbers());
    }
}

TEST_CASE("EmulatedDoraGradientAccumulates") {
    Held<float> dscale({40}, normal_numbers(40, 1));
    Held<float> scale({40}, normal_numbers(40, 2));
    Held<BFloat16> magnitude({40}, normal_numbers(40, 3));
    Numbers found[2];
    for (const bool emulated : {false, true}) {
        Held<float> gradient({40}, 1.0);
        launch(emulated ? simt_table() : cpu_table(), DoraGrad{.accumulation = Accumulation::add},
               {dscale.view(), scale.view(), magnitude.view()}, {gradient.view()});
        found[emulated ? 1 : 0] = gradient.numbers();
    }
    CHECK(relative_difference(found[1], found[0]) <= 3e-6);
}

}  // namespace headroom::test
