#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernels/cpu_table.h"
#include "kernels/nf4.h"
#include "tests/runtime/oracle_files.h"
#include "tests/support/catch.h"

using namespace headroom;
using namespace headroom::test;

namespace {

std::vector<std::uint8_t> codes_in(const WeightFiles& files, const std::string& name) {
    const StoredWeight* found = files.find(name);
    REQUIRE(found != nullptr);
    const auto bytes = found->file->bytes(*found->tensor);
    std::vector<std::uint8_t> out;
    for (const auto byte : bytes) out.push_back(std::to_integer<std::uint8_t>(byte));
    return out;
}

template <class T>
TensorView view_of(std::vector<T>& values, DType dtype, Shape shape) {
    TensorView view{TensorSpec{.shape = shape, .dtype = dtype}};
    view.data = reinterpret_cast<std::byte*>(values.data());
    view.stride = view.columns();
    return view;
}

/// Numbers of the whole matrix from codes, scales, super scales and their offset.
std::vector<float> dequantized(std::span<const TensorView> in, Shape shape) {
    std::vector<float> values(static_cast<std::size_t>(numel(shape)));
    TensorView out = view_of(values, DType::f32, shape);
    const Op op = Dequantize{.to = DType::f32};
    cpu_table()[op].run(op, {.in = in, .out = std::span(&out, 1)});
    return values;
}

const WeightFiles& vectors() {
    static const WeightFiles files(kOracle / "nf4.safetensors");
    return files;
}

}  // namespace

TEST_CASE("Nf4LevelsAreThoseOfBitsandbytes") {
    const auto levels = floats_of(vectors(), "levels");
    CHECK(std::equal(levels.begin(), levels.end(), kNf4Values.begin(), kNf4Values.end()));
    const auto dynamic = floats_of(vectors(), "nested.levels");
    REQUIRE(dynamic.size() == kDynamicValues.size());
    for (std::size_t i = 0; i < dynamic.size(); ++i) {
        INFO(i);
        CHECK(kDynamicValues[i] == Approx(dynamic[i]).epsilon(1e-6).margin(1e-12));
    }
}

TEST_CASE("Nf4CodesAndScalesAreThoseOfBitsandbytes") {
    const auto weights = floats_of(vectors(), "weight");
    std::vector<std::uint8_t> codes(weights.size() / 2);
    std::vector<float> scales(weights.size() / 64);
    quantize_nf4(weights, codes, scales);
    CHECK(codes == codes_in(vectors(), "codes"));
    CHECK(scales == floats_of(vectors(), "absmax"));
}

TEST_CASE("QuantizedScalesAreThoseOfBitsandbytes") {
    const auto scales = floats_of(vectors(), "absmax");
    const auto expected = codes_in(vectors(), "nested.absmax");
    const auto super_expected = floats_of(vectors(), "nested.super_absmax");
    std::vector<std::uint8_t> codes(scales.size());
    std::vector<float> super_scales(super_expected.size());
    const float offset = quantize_scales(scales, codes, super_scales);
    CHECK(offset == Approx(floats_of(vectors(), "nested.offset").front()).epsilon(1e-6));
    for (std::size_t i = 0; i < super_scales.size(); ++i)
        CHECK(super_scales[i] == Approx(super_expected[i]).epsilon(1e-6));
    // A mean that differs in its last place may move a scale that lies between two codes.
    int moved = 0;
    for (std::size_t i = 0; i < codes.size(); ++i) {
        CHECK(std::abs(codes[i] - expected[i]) <= 1);
        moved += codes[i] == expected[i] ? 0 : 1;
    }
    CHECK(moved <= 1);
}

TEST_CASE("DequantizedWeightsAreThoseOfBitsandbytes") {
    const auto rows = floats_of(vectors(), "dequantized.last_rows");
    const auto nested_rows = floats_of(vectors(), "nested.dequantized.last_rows");
    const Shape shape{72, 256};
    auto codes = codes_in(vectors(), "codes");
    auto scales = floats_of(vectors(), "absmax");
    auto scale_codes = codes_in(vectors(), "nested.absmax");
    auto super_scales = floats_of(vectors(), "nested.super_absmax");
    auto offset = floats_of(vectors(), "nested.offset");
    const std::vector<TensorView> plain{view_of(codes, DType::nf4, shape),
                                        view_of(scales, DType::f32, {288})};
    const std::vector<TensorView> nested{
        view_of(codes, DType::nf4, shape), view_of(scale_codes, DType::u8, {288}),
        view_of(super_scales, DType::f32, {2}), view_of(offset, DType::f32, {1})};
    const auto values = dequantized(plain, shape);
    const auto nested_values = dequantized(nested, shape);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const std::size_t at = values.size() - rows.size() + i;
        CHECK(values[at] == Approx(rows[i]).epsilon(1e-6));
        CHECK(nested_values[at] == Approx(nested_rows[i]).epsilon(1e-6));
    }
}
