#pragma once

#include <cstdint>
#include <span>

namespace headroom {

/// What autograd keeps of an operator for its backward pass; `trained`: its input, if the
/// operator's weight has a gradient.
enum class Keeps : std::uint8_t { nothing, input, output, both, trained };
/// Whether the weight that a chain applies has a gradient.
enum class Gain : std::uint8_t { frozen, trained };

/// One operator of a chain: value `in` (0 is the chain's input) becomes value i + 1.
struct ChainOp {
    int in = 0;
    int bytes = 2;  ///< an element of its output; 0: one value a row
    Keeps keeps = Keeps::nothing;
};

/// Whether an operator of the chain keeps that value.
constexpr bool keeps_value(std::span<const ChainOp> chain, int value, Gain gain = Gain::trained) {
    for (std::size_t i = 0; i < chain.size(); ++i) {
        const ChainOp& op = chain[i];
        const bool as_input = op.keeps == Keeps::input || op.keeps == Keeps::both ||
                              (op.keeps == Keeps::trained && gain == Gain::trained);
        const bool as_output = op.keeps == Keeps::output || op.keeps == Keeps::both;
        if (as_input && op.in == value) return true;
        if (as_output && static_cast<int>(i) + 1 == value) return true;
    }
    return false;
}

/// Bytes an element of the values between a chain's input and its output that autograd keeps:
/// each value once, however many operators keep it.
constexpr int kept_between(std::span<const ChainOp> chain, Gain gain = Gain::trained) {
    int sum = 0;
    for (int value = 1; value < static_cast<int>(chain.size()); ++value) {
        if (keeps_value(chain, value, gain))
            sum += chain[static_cast<std::size_t>(value) - 1].bytes;
    }
    return sum;
}

}  // namespace headroom
