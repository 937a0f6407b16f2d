#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <random>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/cpu/number.h"
#include "kernels/kernel_table.h"

namespace headroom::test {

template <class T>
constexpr DType dtype_of() {
    if constexpr (std::is_same_v<T, double>) return DType::f64;
    if constexpr (std::is_same_v<T, float>) return DType::f32;
    if constexpr (std::is_same_v<T, BFloat16>) return DType::bf16;
    if constexpr (std::is_same_v<T, Float16>) return DType::f16;
    if constexpr (std::is_same_v<T, std::int32_t>) return DType::i32;
    return DType::u8;
}

/// A tensor that the test holds, its rows `gap` elements apart.
template <class T>
class Held {
public:
    Held(Shape shape, std::span<const double> numbers, std::int64_t gap = 0) : shape_(shape) {
        stride_ = shape.back() + gap;
        const auto rows = static_cast<std::size_t>(numel(shape) / shape.back());
        values_.resize(rows * static_cast<std::size_t>(stride_));
        for (std::size_t i = 0; i < numbers.size(); ++i) at(i) = number(numbers[i]);
    }
    /// Filled with one number.
    Held(Shape shape, double all, std::int64_t gap = 0)
        : Held(shape, std::vector<double>(static_cast<std::size_t>(numel(shape)), all), gap) {}

    [[nodiscard]] TensorView view() {
        TensorView view;
        view.shape = shape_;
        view.dtype = dtype_of<T>();
        view.data = reinterpret_cast<std::byte*>(values_.data());
        view.stride = stride_;
        return view;
    }
    /// As stored, row after row, without the gaps.
    [[nodiscard]] std::vector<double> numbers() {
        std::vector<double> out(static_cast<std::size_t>(numel(shape_)));
        for (std::size_t i = 0; i < out.size(); ++i) {
            if constexpr (std::is_arithmetic_v<T>) {
                out[i] = static_cast<double>(at(i));
            } else {
                out[i] = static_cast<double>(static_cast<float>(at(i)));
            }
        }
        return out;
    }

private:
    static T number(double value) {
        if constexpr (std::is_arithmetic_v<T>) {
            return static_cast<T>(value);
        } else {
            return T(static_cast<float>(value));
        }
    }
    T& at(std::size_t i) {
        const auto columns = static_cast<std::size_t>(shape_.back());
        return values_[i / columns * static_cast<std::size_t>(stride_) + i % columns];
    }

    Shape shape_;
    std::int64_t stride_ = 0;
    std::vector<T> values_{};
};

inline std::vector<double> normal_numbers(std::int64_t count, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal;
    std::vector<double> out(static_cast<std::size_t>(count));
    for (auto& value : out) value = normal(random);
    return out;
}

/// What a kernel is told besides its operands.
struct CallSettings {
    bool first_micro_step = true;
    std::size_t workspace = 1 << 16;  ///< bytes
    float gradient_scale = 1.0F;
};

/// Runs an op's CPU kernel on its own.
inline WorkCounter call(const Op& op, const std::vector<TensorView>& in,
                        const std::vector<TensorView>& out, const CallSettings& settings = {}) {
    WorkCounter work;
    StepScalars scalars{.gradient_scale = settings.gradient_scale};
    std::vector<std::byte> bytes(settings.workspace);
    Launch launch{.in = in,
                  .out = out,
                  .scalars = &scalars,
                  .results = &scalars,
                  .first_micro_step = settings.first_micro_step,
                  .work = &work};
    launch.workspace.shape = {static_cast<std::int64_t>(bytes.size())};
    launch.workspace.dtype = DType::u8;
    launch.workspace.data = bytes.data();
    launch.workspace.stride = static_cast<std::int64_t>(bytes.size());
    cpu_table()[op].run(op, launch);
    return work;
}

}  // namespace headroom::test
