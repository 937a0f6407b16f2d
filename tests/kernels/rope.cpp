#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

#include "kernels/rope_angles.h"
#include "tests/kernels/call.h"
#include "tests/support/catch.h"
#include "tests/support/op_case.h"

namespace headroom::test {
namespace {

using Numbers = std::vector<double>;

OpInput given(Shape shape, const Numbers& values) {
    return {.shape = shape, .fill = Fill::values, .values = values};
}

Numbers turned(const Rope& op, const Numbers& x, std::int64_t columns) {
    return run({.op = op,
                .inputs = {given({static_cast<std::int64_t>(x.size()) / columns, columns}, x)}},
               DType::f64)
        .outputs[0];
}

Numbers frequencies(const Rope& op) {
    Numbers out;
    for (std::int64_t i = 0; i < op.rotary / 2; ++i) out.push_back(rope_frequency(op, i));
    return out;
}

std::vector<OpCase> cases() {
    const Rope plain{.head_dim = 4, .rotary = 4, .theta = 100.0, .sequence = 3};
    Rope partial{.head_dim = 8, .rotary = 4, .theta = 10.0, .sequence = 2};
    Rope tail = partial;
    tail.tail = true;
    tail.interleaved = true;
    Rope stretched{.head_dim = 6,
                   .rotary = 6,
                   .scaling = RopeScalingKind::yarn,
                   .factor = 4.0,
                   .low = 1.0,
                   .high = 32.0,
                   .attention = 1.3,
                   .original = 64,
                   .sequence = 5};
    return {{plain, {real({6, 8}), real({6, 4})}},
            {plain, {block({3, 8}, 13), block({3, 4}, 13)}},
            {partial, {real({4, 16})}},
            {tail, {real({1, 8})}},
            {stretched, {real({5, 6}), real({5, 6})}}};
}

}  // namespace

TEST_CASE("RopeTurnsHalvesByTheFormula") {
    // Position p turns (x_i, x_{i + d/2}) by p * theta^(-2i/d); rows count positions modulo the
    // sequence, and dims beyond the rotary ones stay.
    const Rope op{.head_dim = 6, .rotary = 4, .theta = 50.0, .sequence = 3};
    const Numbers x = normal_numbers(5 * 12, 1);
    Numbers expected = x;
    for (std::size_t n = 0; n < 5; ++n) {
        for (std::size_t head = 0; head < 2; ++head) {
            for (std::size_t i = 0; i < 2; ++i) {
                const double angle = static_cast<double>(n % 3) *
                                     std::pow(50.0, -2.0 * static_cast<double>(i) / 4.0);
                const std::size_t a = n * 12 + head * 6 + i;
                expected[a] = x[a] * std::cos(angle) - x[a + 2] * std::sin(angle);
                expected[a + 2] = x[a + 2] * std::cos(angle) + x[a] * std::sin(angle);
            }
        }
    }
    const Numbers found = turned(op, x, 12);
    for (std::size_t i = 0; i < x.size(); ++i) CHECK(found[i] == Approx(expected[i]).margin(1e-6));
}

TEST_CASE("InterleavedPairsAreThePermutedHalves") {
    const std::int64_t dims = 8;
    Rope halves{.head_dim = dims, .rotary = dims, .sequence = 7};
    Rope pairs = halves;
    pairs.interleaved = true;
    const Numbers x = normal_numbers(7 * dims, 1);
    // Element 2i goes to i, element 2i + 1 to i + d/2.
    const auto permuted = [&](const Numbers& from) {
        Numbers to(from.size());
        for (std::size_t k = 0; k < from.size(); ++k) {
            to[k / 8 * 8 + k % 8 / 2 + k % 2 * 4] = from[k];
        }
        return to;
    };
    CHECK(permuted(turned(pairs, x, dims)) == turned(halves, permuted(x), dims));
}

TEST_CASE("TailRopeTurnsTheLastDims") {
    Rope tail{.head_dim = 10, .rotary = 4, .tail = true, .sequence = 3};
    Rope alone{.head_dim = 4, .rotary = 4, .sequence = 3};
    const Numbers x = normal_numbers(30, 1);
    Numbers last;
    for (std::size_t n = 0; n < 3; ++n) {
        for (std::size_t i = 6; i < 10; ++i) last.push_back(x[n * 10 + i]);
    }
    const Numbers whole = turned(tail, x, 10);
    const Numbers part = turned(alone, last, 4);
    for (std::size_t n = 0; n < 3; ++n) {
        for (std::size_t i = 0; i < 6; ++i) CHECK(whole[n * 10 + i] == x[n * 10 + i]);
        for (std::size_t i = 0; i < 4; ++i) CHECK(whole[n * 10 + 6 + i] == part[n * 4 + i]);
    }
}

TEST_CASE("InverseRopeTurnsBack") {
    Rope op{.head_dim = 8, .rotary = 8, .sequence = 9};
    Rope back = op;
    back.inverse = true;
    const Numbers x = normal_numbers(9 * 16, 1);
    const Numbers found = turned(back, turned(op, x, 16), 16);
    for (std::size_t i = 0; i < x.size(); ++i) CHECK(found[i] == Approx(x[i]).margin(1e-12));
}

TEST_CASE("LinearScalingDividesFrequencies") {
    Rope op{.head_dim = 8, .rotary = 8};
    const Numbers plain = frequencies(op);
    op.scaling = RopeScalingKind::linear;
    op.factor = 4.0;
    const Numbers stretched = frequencies(op);
    for (std::size_t i = 0; i < 4; ++i) CHECK(stretched[i] == Approx(plain[i] / 4.0));
}

TEST_CASE("Llama3ScalingGoesByTheWavelength") {
    const Rope plain{.head_dim = 128, .rotary = 128, .theta = 500000.0};
    Rope op = plain;
    op.scaling = RopeScalingKind::llama3;
    op.factor = 8.0;
    op.low = 1.0;
    op.high = 4.0;
    op.original = 8192;
    int kept = 0;
    int divided = 0;
    for (std::int64_t i = 0; i < 64; ++i) {
        const double frequency = rope_frequency(plain, i);
        const double wavelength = 2.0 * std::numbers::pi / frequency;
        double expected = frequency;
        if (wavelength > 8192.0 / 1.0) {
            expected = frequency / 8.0;
            ++divided;
        } else if (wavelength >= 8192.0 / 4.0) {
            const double smooth = (8192.0 / wavelength - 1.0) / (4.0 - 1.0);
            expected = (1.0 - smooth) * frequency / 8.0 + smooth * frequency;
        } else {
            ++kept;
        }
        CHECK(rope_frequency(op, i) == Approx(expected).epsilon(1e-12));
    }
    CHECK(kept == 29);
    CHECK(divided == 29);
}

TEST_CASE("YarnScalingBlendsOverARampOfTurns") {
    const Rope plain{.head_dim = 64, .rotary = 64, .theta = 150000.0};
    Rope op = plain;
    op.scaling = RopeScalingKind::yarn;
    op.factor = 32.0;
    op.low = 1.0;
    op.high = 32.0;
    op.original = 4096;
    op.truncate = GENERATE(true, false);
    const auto dim = [](double turns) {
        return 64.0 * std::log(4096.0 / (turns * 2.0 * std::numbers::pi)) /
               (2.0 * std::log(150000.0));
    };
    const double from = op.truncate ? std::floor(dim(32.0)) : dim(32.0);
    const double to = op.truncate ? std::ceil(dim(1.0)) : dim(1.0);
    for (std::int64_t i = 0; i < 32; ++i) {
        const double ramp = std::clamp((static_cast<double>(i) - from) / (to - from), 0.0, 1.0);
        const double frequency = rope_frequency(plain, i);
        CHECK(rope_frequency(op, i) ==
              Approx(frequency / 32.0 * ramp + frequency * (1.0 - ramp)).epsilon(1e-12));
    }
    CHECK(rope_frequency(op, 0) == rope_frequency(plain, 0));
    CHECK(rope_frequency(op, 31) == Approx(rope_frequency(plain, 31) / 32.0));
}

TEST_CASE("YarnMultipliesByItsAttentionFactorBothWays") {
    Rope op{.head_dim = 4,
            .rotary = 4,
            .scaling = RopeScalingKind::yarn,
            .factor = 2.0,
            .high = 32.0,
            .attention = 1.5,
            .original = 100,
            .sequence = 4};
    Rope back = op;
    back.inverse = true;
    const Numbers x = normal_numbers(16, 1);
    const Numbers found = turned(back, turned(op, x, 4), 4);
    for (std::size_t i = 0; i < x.size(); ++i) CHECK(found[i] == Approx(2.25 * x[i]));
}

TEST_CASE("RopeGradientAgreesWithFiniteDifferences") {
    for (const auto& c : cases()) check_gradient(c);
}

TEST_CASE("RopeKeepsTheAccuracyOfItsDtype") {
    for (const auto& c : cases()) check_dtypes(c);
}

TEST_CASE("RopeDoesNoMatrixWork") {
    for (const auto& c : cases()) check_work(c);
}

TEST_CASE("RopeRefusesARuleItDoesNotKnow") {
    const Op known = Rope{.scaling = RopeScalingKind::yarn};
    const Op unknown = Rope{.scaling = RopeScalingKind::other};
    const auto refuses = cpu_table()[known].refuses;
    REQUIRE(refuses != nullptr);
    CHECK(refuses(known, {}).empty());
    CHECK(refuses(unknown, {}).find("RoPE") != std::string::npos);
}

}  // namespace headroom::test
