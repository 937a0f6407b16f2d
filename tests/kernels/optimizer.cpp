#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/adam8.h"
#include "kernels/cpu/convert.h"
#include "tests/kernels/told.h"
#include "tests/support/catch.h"

namespace headroom::test {
namespace {

using Numbers = std::vector<double>;

constexpr std::int64_t kCount = 5000;  // not a multiple of what a thread takes at a time
constexpr std::int64_t kDecayed = 3001;

const StepScalars kScalarsOfStep3{.learning_rate = 0.01F,
                                  .beta1 = 0.9F,
                                  .beta2 = 0.99F,
                                  .epsilon = 1e-6F,
                                  .weight_decay = 0.1F,
                                  .momentum = 0.8F,
                                  .correction1 = 0.271F,
                                  .correction2 = 0.029701F,
                                  .clip = 1.0F,
                                  .loss_scale = 4.0F};

/// Weights, gradient and states of a unit, and what becomes of them by the definitions.
struct Unit {
    Numbers weight = normal_numbers(kCount, 1);
    Numbers gradient = normal_numbers(kCount, 2);
    Numbers first = normal_numbers(kCount, 3);
    Numbers second = [] {
        Numbers values = normal_numbers(kCount, 4);
        for (auto& value : values) value *= value;
        return values;
    }();
    double squares = 100.0;

    [[nodiscard]] Unit updated(OptimizerKind optimizer, const StepScalars& s) const {
        Unit out = *this;
        const double norm = std::sqrt(squares) / real(s.loss_scale);
        const double clip = s.clip > 0.0F ? std::min(1.0, real(s.clip) / (norm + 1e-6)) : 1.0;
        for (std::size_t i = 0; i < weight.size(); ++i) {
            const double decay =
                static_cast<std::int64_t>(i) < kDecayed ? real(s.weight_decay) : 0.0;
            out.step(optimizer, s, i, gradient[i] * clip / real(s.loss_scale), decay);
        }
        return out;
    }

private:
    static double real(float value) { return static_cast<double>(value); }

    void step(OptimizerKind optimizer, const StepScalars& s, std::size_t i, double g,
              double decay) {
        const double rate = real(s.learning_rate);
        const double b1 = real(s.beta1);
        const double b2 = real(s.beta2);
        double& w = weight[i];
        double& m = first[i];
        double& v = second[i];
        if (optimizer == OptimizerKind::sgd) {
            m = real(s.momentum) * m + g + decay * w;
            w -= rate * m;
        } else if (optimizer == OptimizerKind::lion) {
            const double c = b1 * m + (1.0 - b1) * g;
            w = w * (1.0 - rate * decay) - rate * (c > 0.0 ? 1.0 : -1.0);
            m = b2 * m + (1.0 - b2) * g;
        } else {
            m = b1 * m + (1.0 - b1) * g;
            v = b2 * v + (1.0 - b2) * g * g;
            const double denominator =
                std::sqrt(v) / std::sqrt(real(s.correction2)) + real(s.epsilon);
            w = w * (1.0 - rate * decay) - rate / real(s.correction1) * m / denominator;
        }
    }
};

enum class Master { kept, none };

/// The same by the kernel; weights are read back rounded, master is what they are rounded from.
template <class W, class G>
struct Kernel {
    Held<W> weight;
    Held<float> master;
    Held<G> gradient;
    Held<float> first;
    Held<float> second;
    Held<float> sums;

    explicit Kernel(const Unit& unit, double bad = 0.0)
        : weight({kCount}, unit.weight),
          master({kCount}, unit.weight),
          gradient({kCount}, unit.gradient),
          first({kCount}, unit.first),
          second({kCount}, unit.second),
          sums({2}, Numbers{unit.squares, bad}) {}

    void update(const Update& op, Master kept, const StepScalars& scalars) {
        std::vector<TensorView> out{weight.view()};
        if (kept == Master::kept) out.push_back(master.view());
        out.push_back(first.view());
        if (op.optimizer == OptimizerKind::adamw) out.push_back(second.view());
        tell(op, {out[out.size() - 1], gradient.view(), sums.view()}, out, {.scalars = scalars});
    }
};

void check_close(const Numbers& found, const Numbers& expected, double tolerance) {
    REQUIRE(found.size() == expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
        INFO(i);
        REQUIRE(found[i] == Approx(expected[i]).margin(tolerance).epsilon(tolerance));
    }
}

template <class T>
Numbers rounded(const Numbers& numbers) {
    return Held<T>({static_cast<std::int64_t>(numbers.size())}, numbers).numbers();
}

template <class W, class G>
void check_update(OptimizerKind optimizer, Master kept, double tolerance) {
    Unit unit;
    unit.gradient = rounded<G>(unit.gradient);
    if (kept == Master::none) unit.weight = rounded<W>(unit.weight);
    const Unit expected = unit.updated(optimizer, kScalarsOfStep3);
    Kernel<W, G> found(unit);
    found.update({.optimizer = optimizer, .decayed = kDecayed}, kept, kScalarsOfStep3);
    check_close(found.weight.numbers(), expected.weight, tolerance);
    check_close(found.first.numbers(), expected.first, 3e-6);
    if (optimizer == OptimizerKind::adamw) {
        check_close(found.second.numbers(), expected.second, 3e-6);
    }
    if (kept == Master::none) return;
    check_close(found.master.numbers(), expected.weight, 3e-6);
    CHECK(found.weight.numbers() == rounded<W>(found.master.numbers()));
}

/// sums after GradNorm of numbers that fill `dtype`, on top of 1000 and 1.
template <class T>
Numbers norm(const Numbers& numbers, Accumulation accumulation, std::size_t workspace = 1 << 12) {
    Held<T> gradient({static_cast<std::int64_t>(numbers.size())}, numbers);
    Held<float> sums({2}, Numbers{1000.0, 1.0});
    tell(GradNorm{.accumulation = accumulation}, {gradient.view(), sums.view()}, {sums.view()},
         {.workspace = workspace});
    return sums.numbers();
}

}  // namespace

TEST_CASE("AdamwFollowsItsDefinition") {
    check_update<float, float>(OptimizerKind::adamw, Master::none, 3e-6);
    check_update<float, BFloat16>(OptimizerKind::adamw, Master::none, 3e-6);
    check_update<BFloat16, BFloat16>(OptimizerKind::adamw, Master::kept, 4e-3);
    check_update<BFloat16, float>(OptimizerKind::adamw, Master::none, 4e-3);
    check_update<Float16, Float16>(OptimizerKind::adamw, Master::kept, 5e-4);
    check_update<Float16, float>(OptimizerKind::adamw, Master::none, 5e-4);
}

TEST_CASE("SgdFollowsItsDefinition") {
    check_update<float, float>(OptimizerKind::sgd, Master::none, 3e-6);
    check_update<BFloat16, BFloat16>(OptimizerKind::sgd, Master::kept, 4e-3);
}

TEST_CASE("LionFollowsItsDefinition") {
    check_update<float, float>(OptimizerKind::lion, Master::none, 3e-6);
    check_update<BFloat16, BFloat16>(OptimizerKind::lion, Master::kept, 4e-3);
}

TEST_CASE("SmallGradientsAreNotClipped") {
    Unit unit;
    unit.squares = 1e-4;
    StepScalars scalars = kScalarsOfStep3;
    const Unit expected = unit.updated(OptimizerKind::sgd, scalars);
    Kernel<float, float> found(unit);
    found.update({.optimizer = OptimizerKind::sgd, .decayed = kDecayed}, Master::none, scalars);
    check_close(found.weight.numbers(), expected.weight, 3e-6);
    // And none is where nothing asks for it.
    unit.squares = 1e8;
    scalars.clip = 0.0F;
    Kernel<float, float> all(unit);
    all.update({.optimizer = OptimizerKind::sgd, .decayed = kDecayed}, Master::none, scalars);
    check_close(all.weight.numbers(), expected.weight, 3e-6);
}

TEST_CASE("AnOverflowSkipsTheStepOfAScaledLoss") {
    const Unit unit;
    Kernel<Float16, Float16> found(unit, 1.0);
    const Numbers before = found.weight.numbers();
    const Numbers momentum = found.first.numbers();
    found.update({.loss_scaling = true}, Master::kept, kScalarsOfStep3);
    CHECK(found.weight.numbers() == before);
    CHECK(found.first.numbers() == momentum);
    found.update({.loss_scaling = false}, Master::kept, kScalarsOfStep3);
    CHECK(found.weight.numbers() != before);
}

TEST_CASE("UpdatesAreTheSameWithAnyNumberOfThreads") {
    const Unit unit;
    const auto found = by_threads([&] {
        Kernel<BFloat16, float> kernel(unit);
        kernel.update({.decayed = kDecayed}, Master::kept, kScalarsOfStep3);
        return kernel.master.numbers();
    });
    CHECK(found[1] == found[0]);
    CHECK(found[2] == found[0]);
}

TEST_CASE("AdafactorAndDoubleWeightsAreRefusedInASentence") {
    Held<float> weights({4}, 0.0);
    Held<double> wide({4}, 0.0);
    const auto refusal = [](const Update& op, const TensorView& out) {
        const std::vector<TensorView> all{out, out, out};
        return cpu_table()[op].refuses(op, {.in = all, .out = all});
    };
    CHECK(refusal({.optimizer = OptimizerKind::adafactor}, weights.view()).find("Adafactor") == 0);
    CHECK(refusal({}, wide.view()) == "weights in f64 cannot be updated: fp32, bf16 or fp16 can");
    CHECK(refusal({}, weights.view()).empty());
}

TEST_CASE("GradNormSumsSquares") {
    const auto numbers = normal_numbers(30'000, 5);
    double squares = 0.0;
    for (const double value : numbers) squares += value * value;
    const auto close = [&](const Numbers& found, double before, double tolerance) {
        CHECK(found[0] == Approx(before + squares).epsilon(tolerance));
    };
    close(norm<float>(numbers, Accumulation::overwrite), 0.0, 1e-6);
    close(norm<float>(numbers, Accumulation::add), 1000.0, 1e-6);
    close(norm<BFloat16>(numbers, Accumulation::overwrite), 0.0, 1e-3);
    close(norm<Float16>(numbers, Accumulation::overwrite), 0.0, 1e-4);
    CHECK(norm<float>(numbers, Accumulation::overwrite)[1] == 0.0);
    CHECK(norm<float>(numbers, Accumulation::add)[1] == 1.0);
    CHECK(norm<float>({3.0}, Accumulation::overwrite) == Numbers{9.0, 0.0});
}

TEST_CASE("GradNormSeesInfinitiesAndNaN") {
    for (const double bad :
         {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
        Numbers numbers(10'000, 1.0);
        numbers[9'999] = bad;
        CHECK(norm<float>(numbers, Accumulation::overwrite)[1] == 1.0);
        CHECK(norm<BFloat16>(numbers, Accumulation::add)[1] == 2.0);
        CHECK(norm<Float16>(numbers, Accumulation::add)[1] == 2.0);
    }
}

TEST_CASE("GradNormIsTheSameWithAnyNumberOfThreadsAndAnyRoom") {
    const auto numbers = normal_numbers(70'000, 6);
    const auto found = by_threads([&] { return norm<float>(numbers, Accumulation::overwrite); });
    CHECK(found[1] == found[0]);
    CHECK(found[2] == found[0]);
    CHECK(norm<float>(numbers, Accumulation::overwrite, 64) == found[0]);
}

TEST_CASE("DynamicMapsRiseFromTheirLowestToOne") {
    for (const auto& map : {kAdam8Signed, kAdam8Unsigned}) {
        CHECK(std::ranges::is_sorted(map.value));
        CHECK(map.value.back() == 1.0F);
    }
    // Published maps: seven decades, the first of one or two values.
    CHECK(kAdam8Signed.value.front() == Approx(-0.99296875));
    CHECK(kAdam8Signed.value[127] == 0.0F);
    CHECK(kAdam8Signed.value[128] == Approx(5.5e-7));
    CHECK(kAdam8Unsigned.value.front() == 0.0F);
    CHECK(kAdam8Unsigned.value[1] == Approx(3.25e-7));
    CHECK(kAdam8Unsigned.value[254] == Approx(0.996484375));
}

TEST_CASE("CodesAreThoseOfTheNearestValue") {
    for (const auto& map : {kAdam8Signed, kAdam8Unsigned}) {
        for (int i = -1050; i <= 1050; ++i) {
            const float x =
                static_cast<float>(std::pow(std::abs(i) / 1000.0, 7.0)) * (i < 0 ? -1.0F : 1.0F);
            float nearest = 2.0F;
            for (const float value : map.value) {
                nearest = std::min(nearest, std::abs(x - value));
            }
            const float value =
                map.value[static_cast<std::size_t>(adam8_code(map.middle.data(), x))];
            REQUIRE(std::abs(x - value) == nearest);
        }
    }
}

TEST_CASE("EightBitAdamwUpdatesWhatItsCodesStandFor") {
    // Codes and scales of the moments, then one step of AdamW on the values they stand for.
    Unit unit;
    std::vector<float> moments(2 * kCount);
    for (std::size_t i = 0; i < kCount; ++i) {
        moments[i] = static_cast<float>(unit.first[i]);
        moments[kCount + i] = static_cast<float>(unit.second[i]);
    }
    constexpr std::int64_t blocks = (kCount + 255) / 256;
    Held<std::uint8_t> m({kCount}, 0.0);
    Held<std::uint8_t> v({kCount}, 0.0);
    Held<float> m_scales({blocks}, 0.0);
    Held<float> v_scales({blocks}, 0.0);
    const auto pack = [&] {
        store_adam8(kAdam8Signed, moments.data(), kCount, m.view().as<std::uint8_t>(),
                    m_scales.view().as<float>());
        store_adam8(kAdam8Unsigned, moments.data() + kCount, kCount, v.view().as<std::uint8_t>(),
                    v_scales.view().as<float>());
    };
    const auto unpack = [&] {
        load_adam8(kAdam8Signed, m.view().as<std::uint8_t>(), m_scales.view().as<float>(), kCount,
                   moments.data());
        load_adam8(kAdam8Unsigned, v.view().as<std::uint8_t>(), v_scales.view().as<float>(), kCount,
                   moments.data() + kCount);
    };
    pack();
    unpack();
    for (std::size_t i = 0; i < kCount; ++i) {
        // Decades are divided by 128 values, so an error is at most a part of the largest.
        REQUIRE(std::abs(static_cast<double>(moments[i]) - unit.first[i]) < 0.05);
        unit.first[i] = static_cast<double>(moments[i]);
        unit.second[i] = static_cast<double>(moments[kCount + i]);
    }
    const Unit expected = unit.updated(OptimizerKind::adamw, kScalarsOfStep3);
    Held<float> weight({kCount}, unit.weight);
    Held<float> gradient({kCount}, unit.gradient);
    Held<float> sums({2}, Numbers{unit.squares, 0.0});
    tell(Update{.optimizer = OptimizerKind::adamw8bit, .decayed = kDecayed},
         {m.view(), gradient.view(), sums.view()},
         {weight.view(), m.view(), v.view(), m_scales.view(), v_scales.view()},
         {.scalars = kScalarsOfStep3});
    check_close(weight.numbers(), expected.weight, 1e-5);
    unpack();
    for (std::size_t i = 0; i < kCount; ++i) {
        REQUIRE(std::abs(static_cast<double>(moments[i]) - expected.first[i]) < 0.05);
        REQUIRE(std::abs(static_cast<double>(moments[kCount + i]) - expected.second[i]) < 0.1);
    }
}

TEST_CASE("ABlockOfZerosStaysZeroInEightBits") {
    std::vector<float> zeros(300, 0.0F);
    std::vector<std::uint8_t> codes(300, 7);
    std::vector<float> scales(2, 7.0F);
    store_adam8(kAdam8Signed, zeros.data(), 300, codes.data(), scales.data());
    CHECK(scales == std::vector<float>{0.0F, 0.0F});
    load_adam8(kAdam8Signed, codes.data(), scales.data(), 300, zeros.data());
    CHECK(zeros == std::vector<float>(300, 0.0F));
}

TEST_CASE("BulkConversionsRoundLikeSingleOnes") {
    std::vector<std::uint16_t> halves(65'536);
    for (std::size_t i = 0; i < halves.size(); ++i) halves[i] = static_cast<std::uint16_t>(i);
    // Every half and its neighbourhood: exact values, ties and what lies beside them.
    std::vector<float> floats;
    std::vector<float> loaded(halves.size());
    const auto same = [](float a, float b) {
        return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
    };
    const auto check_loads = [&]<class T>(DType dtype, T) {
        load_floats(dtype, reinterpret_cast<const std::byte*>(halves.data()), 65'536,
                    loaded.data());
        bool all = true;
        for (std::size_t i = 0; i < halves.size(); ++i) {
            T half;
            half.bits = halves[i];
            all = all && same(loaded[i], static_cast<float>(half));
            for (const std::uint32_t beside : {0U, 1U, 0x0FFFU, 0x1000U, 0x1001U, 0x8000U}) {
                floats.push_back(
                    std::bit_cast<float>(std::bit_cast<std::uint32_t>(loaded[i]) + beside));
            }
        }
        CHECK(all);
    };
    check_loads(DType::bf16, BFloat16{});
    check_loads(DType::f16, Float16{});
    std::vector<std::uint16_t> stored(floats.size());
    const auto check_stores = [&]<class T>(DType dtype, T) {
        store_floats(dtype, floats.data(), static_cast<std::int64_t>(floats.size()),
                     reinterpret_cast<std::byte*>(stored.data()));
        bool all = true;
        for (std::size_t i = 0; i < floats.size(); ++i) all = all && stored[i] == T(floats[i]).bits;
        CHECK(all);
    };
    check_stores(DType::bf16, BFloat16{});
    check_stores(DType::f16, Float16{});
}

}  // namespace headroom::test
