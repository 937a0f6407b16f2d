#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

#include "tests/kernels/call.h"
#include "tests/support/catch.h"
#include "tests/support/op_case.h"

namespace headroom::test {
namespace {

using Numbers = std::vector<double>;

OpInput given(Shape shape, const Numbers& values) {
    return {.shape = shape, .fill = Fill::values, .values = values};
}
OpInput weights(std::int64_t rows) { return {.shape = {rows}, .dtype = DType::f32}; }

double activated(ActivationKind kind, double x) {
    switch (kind) {
        case ActivationKind::relu:
            return x > 0.0 ? x : 0.0;
        case ActivationKind::gelu:
            return x * 0.5 * std::erfc(-x / std::numbers::sqrt2);
        case ActivationKind::gelu_tanh:
            return 0.5 * x *
                   (1.0 +
                    std::tanh(std::sqrt(2.0 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
        case ActivationKind::silu:
            return x / (1.0 + std::exp(-x));
        case ActivationKind::tanh:
            return std::tanh(x);
    }
    return 0.0;
}

constexpr auto kKinds = {ActivationKind::relu, ActivationKind::gelu, ActivationKind::gelu_tanh,
                         ActivationKind::silu, ActivationKind::tanh};

std::vector<OpCase> cases() {
    std::vector<OpCase> out;
    for (const auto kind : kKinds) {
        out.push_back({.op = Activate{.kind = kind}, .inputs = {real({3, 7})}});
        out.push_back({.op = Activate{.kind = kind, .gated = true},
                       .inputs = {real({2, 5}), block({2, 5}, 9)}});
        out.push_back({.op = Activate{.kind = kind, .gated = true, .packed = true},
                       .inputs = {block({3, 8}, 11)}});
        out.push_back({.op = Activate{.kind = kind, .gated = true, .packed = true, .routed = true},
                       .inputs = {real({4, 6}), weights(4)}});
        out.push_back({.op = Activate{.kind = kind, .gated = true, .routed = true},
                       .inputs = {real({1, 3}), real({1, 3}), weights(1)}});
        out.push_back(
            {.op = Activate{.kind = kind, .routed = true}, .inputs = {real({2, 3}), weights(2)}});
    }
    return out;
}

}  // namespace

TEST_CASE("ActivationHasTheFormulasValues") {
    const auto kind = GENERATE(values(kKinds));
    Numbers x;
    for (int i = -300; i <= 300; ++i) x.push_back(0.11 * i);
    const auto count = static_cast<std::int64_t>(x.size());
    const auto y = run({.op = Activate{.kind = kind}, .inputs = {given({1, count}, x)}}, DType::f64)
                       .outputs[0];
    for (std::size_t i = 0; i < x.size(); ++i) {
        INFO(x[i]);
        CHECK(y[i] == Approx(activated(kind, x[i])).margin(1e-13));
    }
}

TEST_CASE("FloatActivationStaysFiniteFarOut") {
    const auto kind = GENERATE(values(kKinds));
    const Numbers x{-1e15, -500.0, -88.0, 88.0, 500.0, 1e15};
    const OpInput input = given({1, 6}, x);
    const auto result = run({.op = Activate{.kind = kind}, .inputs = {input}}, DType::f32);
    for (std::size_t i = 0; i < x.size(); ++i) {
        INFO(x[i]);
        CHECK(result.outputs[0][i] ==
              Approx(activated(kind, static_cast<double>(static_cast<float>(x[i])))).margin(1e-30));
        CHECK(std::isfinite(result.gradients[0][i]));
    }
}

TEST_CASE("GatedActivationMultipliesByUpAndTheRowsWeight") {
    const Numbers gate = normal_numbers(6, 1);
    const Numbers up = normal_numbers(6, 2);
    const Numbers share = normal_numbers(2, 3);
    Numbers packed;
    for (std::size_t n = 0; n < 2; ++n) {
        packed.insert(packed.end(), gate.begin() + 3 * static_cast<int>(n),
                      gate.begin() + 3 * static_cast<int>(n + 1));
        packed.insert(packed.end(), up.begin() + 3 * static_cast<int>(n),
                      up.begin() + 3 * static_cast<int>(n + 1));
    }
    OpInput rows = given({2}, share);
    rows.dtype = DType::f32;
    const Activate apart{.gated = true, .routed = true};
    const Activate together{.gated = true, .packed = true, .routed = true};
    const auto a =
        run({.op = apart, .inputs = {given({2, 3}, gate), given({2, 3}, up), rows}}, DType::f64);
    const auto b = run({.op = together, .inputs = {given({2, 6}, packed), rows}}, DType::f64);
    for (std::size_t i = 0; i < 6; ++i) {
        const double expected = activated(ActivationKind::silu, gate[i]) * up[i] * share[i / 3];
        CHECK(a.outputs[0][i] == Approx(expected));
        CHECK(b.outputs[0][i] == a.outputs[0][i]);
    }
}

TEST_CASE("ActivationGradientAgreesWithFiniteDifferences") {
    for (const auto& c : cases()) check_gradient(c);
}

TEST_CASE("ActivationKeepsTheAccuracyOfItsDtype") {
    for (const auto& c : cases()) check_dtypes(c);
}

TEST_CASE("ActivationDoesNoMatrixWork") {
    for (const auto& c : cases()) check_work(c);
}

TEST_CASE("ActivationOfALongRowIsThatOfItsParts") {
    constexpr std::int64_t kColumns = 1030;
    const Numbers x = normal_numbers(kColumns, 1);
    Held<BFloat16> in({1, kColumns}, x);
    Held<BFloat16> out({1, kColumns}, 0.0);
    const auto work = call(Activate{}, {in.view()}, {out.view()});
    const auto y = out.numbers();
    const auto rounded = in.numbers();
    for (std::size_t i = 0; i < y.size(); ++i) {
        CHECK(y[i] == Approx(activated(ActivationKind::silu, rounded[i])).epsilon(0.005));
    }
    CHECK(work.vector > kColumns);
}

}  // namespace headroom::test
