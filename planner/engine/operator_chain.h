#pragma once

#include <cstdint>
#include <span>

namespace headroom {

/// What autograd keeps of an operator for its backward pass.
enum class Keeps : std::uint8_t { nothing, input, output, both };

/// One operator of a chain: value `in` (0 is the chain's input) becomes value i + 1.
struct ChainOp {
    int in = 0;
    int bytes = 2;  ///< an element of its output
    Keeps keeps = Keeps::nothing;
};

/// Bytes an element of the values between a chain's input and its output that autograd keeps:
/// each value once, however many operators keep it.
constexpr int kept_between(std::span<const ChainOp> chain) {
    int sum = 0;
    const auto kept = [&](int value) {
        for (std::size_t i = 0; i < chain.size(); ++i) {
            const ChainOp& op = chain[i];
            const bool as_input = op.keeps == Keeps::input || op.keeps == Keeps::both;
            const bool as_output = op.keeps == Keeps::output || op.keeps == Keeps::both;
            if (as_input && op.in == value) return true;
            if (as_output && static_cast<int>(i) + 1 == value) return true;
        }
        return false;
    };
    for (int value = 1; value < static_cast<int>(chain.size()); ++value) {
        if (kept(value)) sum += chain[static_cast<std::size_t>(value) - 1].bytes;
    }
    return sum;
}

}  // namespace headroom
