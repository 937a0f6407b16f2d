#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/nf4.h"
#include "planner/base/error.h"
#include "planner/step/op/quantize.h"
#include "tests/kernels/call.h"
#include "tests/support/catch.h"

namespace headroom::test {
namespace {

using Numbers = std::vector<double>;

/// Codes and scales as they lie in a step's tensors.
struct Quantized {
    std::vector<std::uint8_t> codes{};
    std::vector<float> scales{};
    std::vector<std::uint8_t> scale_codes{};
    std::vector<float> super_scales{};
    float mean = 0.0F;
};

std::vector<float> as_floats(const Numbers& numbers) { return {numbers.begin(), numbers.end()}; }

Quantized quantize(const std::vector<float>& weights) {
    Quantized q;
    const std::size_t blocks = (weights.size() + 63) / 64;
    q.codes.resize((weights.size() + 1) / 2);
    q.scales.resize(blocks);
    q.scale_codes.resize(blocks);
    q.super_scales.resize((blocks + 255) / 256);
    quantize_nf4(weights, q.codes, q.scales);
    q.mean = quantize_scales(q.scales, q.scale_codes, q.super_scales);
    return q;
}

template <class T>
TensorView view(std::vector<T>& values, Shape shape, DType dtype) {
    TensorView out;
    out.shape = shape;
    out.dtype = dtype;
    out.data = reinterpret_cast<std::byte*>(values.data());
    out.stride = shape.back();
    return out;
}
template <class T>
TensorView view(std::vector<T>& values) {
    return view(values, {static_cast<std::int64_t>(values.size())}, dtype_of<T>());
}

template <class T>
Numbers dequantized(Quantized q, Shape shape, bool twice) {
    Held<T> out(shape, 99.0);
    std::vector<float> mean{q.mean};
    std::vector<TensorView> in{view(q.codes, shape, DType::nf4)};
    if (twice) {
        in.insert(in.end(), {view(q.scale_codes), view(q.super_scales), view(mean)});
    } else {
        in.push_back(view(q.scales));
    }
    call(Dequantize{.to = dtype_of<T>()}, in, {out.view()});
    return out.numbers();
}

unsigned code_at(const Quantized& q, std::size_t i) {
    const unsigned pair = q.codes[i / 2];
    return i % 2 == 0 ? pair >> 4 : pair & 15U;
}

/// P(x <= value) of N(0, 1).
double normal_below(double value) { return 0.5 * std::erfc(-value / std::sqrt(2.0)); }

}  // namespace

TEST_CASE("Nf4ValuesAreThoseOfQlora") {
    constexpr std::array kPublished{
        -1.0,
        -0.6961928009986877,
        -0.5250730514526367,
        -0.39491748809814453,
        -0.28444138169288635,
        -0.18477343022823334,
        -0.09105003625154495,
        0.0,
        0.07958029955625534,
        0.16093020141124725,
        0.24611230194568634,
        0.33791524171829224,
        0.44070982933044434,
        0.5626170039176941,
        0.7229568362236023,
        1.0,
    };
    for (std::size_t i = 0; i < 16; ++i) CHECK(static_cast<double>(kNf4Values[i]) == kPublished[i]);
    CHECK(std::ranges::is_sorted(kNf4Values));
}

TEST_CASE("Nf4ValuesCutEachSideOfTheNormalDistributionEvenly") {
    // One end of the quantiles, so that both outermost codes stand for -1 and 1.
    constexpr double kEnd = 0.9677083;
    double low = 1.0;
    double high = 3.0;
    for (int i = 0; i < 60; ++i) {
        const double middle = (low + high) / 2.0;
        (normal_below(middle) < kEnd ? low : high) = middle;
    }
    for (std::size_t i = 0; i < 16; ++i) {
        const double steps = static_cast<double>(i) - 7.0;
        const double expected = 0.5 + (kEnd - 0.5) * steps / (i < 7 ? 7.0 : 8.0);
        CHECK(normal_below(static_cast<double>(kNf4Values[i]) * low) ==
              Approx(expected).margin(1e-6));
    }
}

TEST_CASE("TheNearestNf4ValueIsTakenAndTiesGoDown") {
    constexpr std::array kThresholds{
        -0.8480964004993439F,  -0.6106329262256622F,  -0.4599952697753906F,   -0.33967943489551544F,
        -0.23460740596055984F, -0.13791173323988914F, -0.045525018125772476F, 0.03979014977812767F,
        0.1202552504837513F,   0.2035212516784668F,   0.2920137718319893F,    0.3893125355243683F,
        0.5016634166240692F,   0.6427869200706482F,   0.8614784181118011F};
    std::vector<float> weights{-1.0F, 1.0F};
    for (const float threshold : kThresholds) {
        weights.push_back(threshold);
        weights.push_back(std::nextafter(threshold, 2.0F));
    }
    const Quantized q = quantize(weights);
    CHECK(q.scales[0] == 1.0F);
    CHECK(code_at(q, 0) == 0);
    CHECK(code_at(q, 1) == 15);
    for (unsigned i = 0; i < 15; ++i) {
        CHECK(code_at(q, 2 + 2 * i) == i);
        CHECK(code_at(q, 3 + 2 * i) == i + 1);
    }
}

TEST_CASE("TheFirstWeightOfAByteIsInItsHighNibble") {
    const Quantized q = quantize({1.0F, -1.0F, 0.0F});
    CHECK(q.codes[0] == 0xF0);
    CHECK(q.codes[1] == 0x77);
}

TEST_CASE("DequantizeIsTheValueTimesTheScaleOfItsBlock") {
    // 129 weights: two blocks and one weight.
    for (const Shape& shape : {Shape{3, 43}, Shape{1, 1}, Shape{2, 64}, Shape{2, 3, 25}}) {
        const Quantized q = quantize(as_floats(normal_numbers(numel(shape), 1)));
        Numbers expected;
        for (std::size_t i = 0; i < static_cast<std::size_t>(numel(shape)); ++i) {
            expected.push_back(static_cast<double>(kNf4Values[code_at(q, i)] * q.scales[i / 64]));
        }
        CHECK(dequantized<float>(q, shape, false) == expected);
        CHECK(dequantized<double>(q, shape, false) == expected);
        for (auto& value : expected)
            value = static_cast<double>(static_cast<float>(BFloat16(static_cast<float>(value))));
        CHECK(dequantized<BFloat16>(q, shape, false) == expected);
    }
}

TEST_CASE("ScalesIn8BitsComeBackWithTheirMean") {
    // 260 blocks and a part: two super blocks.
    constexpr std::int64_t kCount = 260 * 64 + 7;
    const Quantized q = quantize(as_floats(normal_numbers(kCount, 2)));
    REQUIRE(q.super_scales.size() == 2);
    Numbers expected;
    for (std::size_t i = 0; i < static_cast<std::size_t>(kCount); ++i) {
        const std::size_t block = i / 64;
        const float scale =
            kDynamicValues[q.scale_codes[block]] * q.super_scales[block / 256] + q.mean;
        expected.push_back(static_cast<double>(kNf4Values[code_at(q, i)] * scale));
    }
    CHECK(dequantized<float>(q, {1, kCount}, true) == expected);
}

TEST_CASE("QuantizedWeightsComeBackWithinHalfAStep") {
    constexpr std::int64_t kCount = 100003;
    const auto weights = normal_numbers(kCount, 3);
    const Quantized q = quantize(as_floats(weights));
    const Numbers once = dequantized<float>(q, {1, kCount}, false);
    const Numbers twice = dequantized<float>(q, {1, kCount}, true);
    // Half the widest step of the codes, and of the scales' values.
    constexpr double kHalfStep = (1.0 - 0.6961928009986877) / 2.0;
    constexpr double kScaleHalfStep = 0.9 / 128.0;
    double total = 0.0;
    bool within = true;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        const double scale = static_cast<double>(q.scales[i / 64]);
        const double super = static_cast<double>(q.super_scales[i / 64 / 256]);
        within &= std::abs(once[i] - weights[i]) <= kHalfStep * scale * (1.0 + 1e-6);
        within &= std::abs(twice[i] - once[i]) <= kScaleHalfStep * super * (1.0 + 1e-4);
        total += std::abs(once[i] - weights[i]);
    }
    CHECK(within);
    // bitsandbytes' own tests put the mean error of normal weights in blocks of 64 at 0.0728.
    CHECK(total / static_cast<double>(kCount) == Approx(0.0728).margin(4e-4));
}

TEST_CASE("DequantizedValuesQuantizeToThemselves") {
    const Quantized q = quantize(as_floats(normal_numbers(640, 4)));
    const Quantized again = quantize(as_floats(dequantized<float>(q, {10, 64}, false)));
    CHECK(again.codes == q.codes);
    CHECK(again.scales == q.scales);
}

TEST_CASE("ABlockOfZerosStaysZero") {
    const Quantized q = quantize(std::vector<float>(65, 0.0F));
    CHECK(q.codes == std::vector<std::uint8_t>(33, 0x77));
    CHECK(dequantized<float>(q, {5, 13}, false) == Numbers(65, 0.0));
    CHECK(dequantized<float>(q, {5, 13}, true) == Numbers(65, 0.0));
    const float tiny = std::numeric_limits<float>::denorm_min();
    CHECK(quantize({tiny, -tiny}).codes[0] == 0x77);
    CHECK(quantize({0.0F, std::numeric_limits<float>::min()}).codes[0] == 0x7F);
}

TEST_CASE("DynamicValuesAreTheMiddlesOfTheirDecades") {
    CHECK(std::ranges::is_sorted(kDynamicValues));
    CHECK(std::ranges::adjacent_find(kDynamicValues) == kDynamicValues.end());
    CHECK(kDynamicValues[255] == 1.0F);
    CHECK(kDynamicValues[127] == 0.0F);
    CHECK(kDynamicValues[0] == Approx(-0.992968738F));
    CHECK(kDynamicValues[254] == Approx(0.992968738F));
    CHECK(kDynamicValues[128] == Approx(5.5e-7));   // the one middle of [1e-7, 1e-6]
    CHECK(kDynamicValues[129] == Approx(3.25e-6));  // of [1e-6, 5.5e-6]
    for (std::size_t i = 1; i < 128; ++i)
        CHECK(kDynamicValues[127 + i] == -kDynamicValues[127 - i]);
}

TEST_CASE("RoomOfAnotherSizeIsRefused") {
    const std::vector<float> weights(65, 1.0F);
    std::vector<std::uint8_t> codes(33);
    std::vector<float> scales(1);
    CHECK_THROWS_AS(quantize_nf4(weights, codes, scales), InternalError);
    std::vector<float> super_scales(2);
    CHECK_THROWS_AS(quantize_scales(weights, codes, super_scales), InternalError);
}

}  // namespace headroom::test
