#pragma once

#include <limits>
#include <string>

namespace CLI {
class Validator;
}

namespace headroom::cli {

/// Which end of a range is not in it.
enum class LeftOut { none, low, high };

/// The numbers that an option takes; never NaN or infinity.
struct NumberRange {
    double low = 0.0;
    double high = std::numeric_limits<double>::max();
    LeftOut left_out = LeftOut::none;

    [[nodiscard]] bool holds(double value) const;
    /// "from 0 to below 1", "above 0".
    [[nodiscard]] std::string words() const;
};

/// CLI11's own ranges let NaN through and print limits with all their digits.
CLI::Validator number_in(const NumberRange& range);
/// An option that is given has a value: `-o ""` is a variable that was not set.
CLI::Validator not_empty();

}  // namespace headroom::cli
