#include "planner/cli/option_checks.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <cmath>

namespace headroom::cli {

bool NumberRange::holds(double value) const {
    if (!std::isfinite(value) || value < low || value > high) return false;
    if (left_out == LeftOut::low) return value != low;
    return left_out == LeftOut::none || value != high;
}

std::string NumberRange::words() const {
    const auto text = [](double limit) { return fmt::format("{:.9g}", limit); };
    if (high < std::numeric_limits<double>::max()) {
        const auto* const below = left_out == LeftOut::high ? "below " : "";
        return fmt::format("from {} to {}{}", text(low), below, text(high));
    }
    return left_out == LeftOut::low ? "above " + text(low) : fmt::format("from {} up", text(low));
}

CLI::Validator number_in(const NumberRange& range) {
    const auto check = [range](std::string& text) {
        double value = 0.0;
        if (CLI::detail::lexical_cast(text, value) && range.holds(value)) return std::string();
        return fmt::format("is \"{}\", must be a number {}", text, range.words());
    };
    return {check, range.words()};
}

CLI::Validator not_empty() {
    const auto check = [](std::string& text) {
        return text.empty() ? std::string("is empty") : std::string();
    };
    return {check, ""};
}

}  // namespace headroom::cli
