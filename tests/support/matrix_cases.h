#pragma once

#include <vector>

#include "tests/support/op_case.h"

namespace headroom::test {

// Cases of the ops that need a matrix library, for every device that has one.

inline OpInput targets(std::vector<double> values) {
    return {.shape = {static_cast<std::int64_t>(values.size())},
            .fill = Fill::values,
            .dtype = DType::i32,
            .values = std::move(values)};
}
inline OpInput counts(std::vector<double> values) { return targets(std::move(values)); }

inline constexpr StepScalars kQuarter{.gradient_scale = 0.25F};

inline std::vector<OpCase> linear_cases() {
    return {
        {.op = Linear{}, .inputs = {real({5, 7}), parameter({3, 7})}},
        {.op = Linear{}, .inputs = {real({1, 8}), parameter({16, 8}), parameter({16})}},
        {.op = Linear{}, .inputs = {block({6, 8}, 24), parameter({4, 8}), parameter({4})}},
        {.op = Linear{}, .inputs = {real({300, 2}), parameter({259, 2}), parameter({259})}},
        {.op = LinearAdd{.scale = 0.5}, .inputs = {real({5, 3}), real({5, 2}), parameter({3, 2})}},
        {.op = LinearAdd{.scale = -2.0},
         .inputs = {block({4, 8}, 16), real({4, 2}), parameter({8, 2})}},
    };
}

/// The gradient of an adapter's input: (dy, W [, dx]).
inline OpCase input_gradient(std::vector<OpInput> inputs) {
    return {.op = LinearGradInput{.scale = 0.25},
            .inputs = std::move(inputs),
            .phase = Phase::backward};
}

/// Products of an adapter's rank, and the gradients of its matrices: 16 bits have kernels of their
/// own where 16 bytes can be read at once. Rows and columns end within tiles, ranks within steps of
/// 16.
inline std::vector<OpCase> low_rank_cases() {
    OpInput wide = real({41, 200});
    wide.dtype = DType::f32;
    return {
        {.op = LinearAdd{.scale = 0.5},
         .inputs = {real({70, 136}), real({70, 16}), parameter({136, 16})}},
        {.op = LinearAdd{.scale = -2.0},
         .inputs = {block({9, 72}, 96), block({9, 8}, 24), parameter({72, 8})}},
        {.op = LinearAdd{.scale = 2.0},
         .inputs = {real({37, 264}), real({37, 64}), parameter({264, 64})}},
        {.op = LinearAdd{}, .inputs = {real({5, 1032}), real({5, 24}), parameter({1032, 24})}},
        // The library's: 17 columns more than whole chunks, a rank of 6.
        {.op = LinearAdd{}, .inputs = {real({9, 81}), real({9, 16}), parameter({81, 16})}},
        {.op = LinearAdd{}, .inputs = {real({9, 72}), real({9, 6}), parameter({72, 6})}},
        {.op = Linear{}, .inputs = {real({70, 136}), parameter({16, 136})}},
        {.op = Linear{}, .inputs = {block({9, 72}, 96), parameter({12, 72})}},
        {.op = Linear{.f32_out = true}, .inputs = {real({37, 16}), parameter({72, 16})}},
        // Rows that several blocks share, and a block takes in turns.
        {.op = LinearAdd{.scale = 0.5},
         .inputs = {real({1100, 136}), real({1100, 16}), parameter({136, 16})}},
        {.op = Linear{}, .inputs = {block({1100, 136}, 160), parameter({24, 136})}},
        input_gradient({real({70, 24}), real({24, 136}), real({70, 136})}),
        input_gradient({real({7, 40}), block({40, 160}, 168), block({7, 160}, 200)}),
        input_gradient({real({41, 8}), real({8, 200}), wide}),
    };
}

/// y is f32 beside 16-bit factors, and so is its gradient.
inline std::vector<OpCase> router_cases() {
    return {
        {.op = Linear{.f32_out = true}, .inputs = {real({9, 8}), parameter({4, 8})}},
        {.op = Linear{.f32_out = true},
         .inputs = {real({6, 5}), parameter({3, 5}), parameter({3})}},
    };
}

inline std::vector<OpCase> expert_cases() {
    return {
        // Groups end to end, one of them empty.
        {.op = GroupedLinear{}, .inputs = {real({9, 5}), parameter({3, 4, 5}), counts({7, 0, 2})}},
        {.op = GroupedLinear{},
         .inputs = {real({9, 5}), parameter({3, 4, 5}), counts({7, 0, 2}), parameter({3, 4})}},
        // Slots: every expert has its share.
        {.op = GroupedLinear{},
         .inputs = {real({8, 4}), parameter({2, 70, 4}), counts({3, 4}), parameter({2, 70})}},
        // Groups of two ranks.
        {.op = GroupedLinear{},
         .inputs = {real({10, 4}), parameter({2, 3, 4}), counts({1, 6, 2, 1}), parameter({2, 3})}},
    };
}

inline std::vector<OpCase> loss_cases() {
    const OpInput some = targets({0, 8, -1, 3, 3, 10, 7});
    return {
        {.op = CrossEntropy{}, .inputs = {real({4, 9}), targets({0, 8, 3, -1})}},
        {.op = CrossEntropy{},
         .inputs = {real({3, 1024}), targets({1023, -5, 512})},
         .scalars = kQuarter},
        {.op = CrossEntropy{.scale = 0.5, .softcap = 2.0},
         .inputs = {real({2, 4104}), targets({4103, 7})},
         .scalars = kQuarter},
        {.op = CrossEntropy{.in_place = false, .scale = 1.5},
         .inputs = {block({3, 5}, 8), targets({4, 0, 1})}},
        {.op = CrossEntropy{.in_place = false}, .inputs = {block({2, 16}, 48), targets({15, 3})}},
        {.op = CrossEntropy{}, .inputs = {real({1, 1}), targets({0})}},
        {.op = HeadLoss{.chunk = 2}, .inputs = {real({7, 4}), frozen({11, 4}), some}},
        {.op = HeadLoss{.chunk = 3}, .inputs = {real({7, 5}), parameter({11, 5}), some}},
        {.op = HeadLoss{.chunk = 4, .scale = 0.5, .softcap = 2.0},
         .inputs = {block({7, 16}, 24), parameter({24, 16}), some},
         .scalars = kQuarter},
    };
}

/// A student of 5 or 16 columns beside a teacher of other widths.
inline std::vector<OpCase> distillation_cases() {
    const OpInput some = targets({0, 8, -1, 3, 3, 10, 7});
    const Distillation half{.on = true, .temperature = 2.0, .weight = 0.5};
    const Distillation sharp{
        .on = true, .temperature = 0.5, .weight = 0.9, .scale = 1.5, .softcap = 3.0};
    const Distillation only{.on = true, .temperature = 1.0, .weight = 1.0};
    return {
        {.op = HeadLoss{.chunk = 3, .teacher = half},
         .inputs = {real({7, 5}), parameter({11, 5}), some, frozen({7, 6}), frozen({11, 6})}},
        {.op = HeadLoss{.chunk = 4, .scale = 0.5, .softcap = 2.0, .teacher = sharp},
         .inputs = {block({7, 16}, 24), parameter({24, 16}), some, frozen({7, 8}), frozen({24, 8})},
         .scalars = kQuarter},
        {.op = HeadLoss{.chunk = 100, .teacher = only},
         .inputs = {real({7, 4}), frozen({1040, 4}), some, frozen({7, 12}), frozen({1040, 12})}},
    };
}

}  // namespace headroom::test
