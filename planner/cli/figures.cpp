#include "planner/cli/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace headroom::cli {
namespace {

constexpr std::array<std::string_view, 8> kEighths{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
constexpr std::array<std::string_view, 9> kHeights{" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

std::string painted(bool colour, std::string_view code, std::string_view text) {
    return colour ? fmt::format("\033[{}m{}\033[0m", code, text) : std::string(text);
}

}  // namespace

std::string gib(Bytes bytes) { return fmt::format("{:.2f}", in_gib(bytes)); }

std::string signed_gib(Bytes bytes) {
    const auto text = fmt::format("{:+.2f}", in_gib(bytes));
    return text == "+0.00" || text == "-0.00" ? "0.00" : text;
}

std::string percent(double fraction) { return fmt::format("{:.1f} %", fraction * 100.0); }

std::string signed_time(Seconds time) {
    if (std::abs(time.count()) < 1e-6) return "0 s";
    return fmt::format("{}{}", time > Seconds{} ? '+' : '-',
                       to_string(Seconds{std::abs(time.count())}));
}

std::string rounded(double value) {
    return with_thousands(static_cast<std::int64_t>(std::llround(value)));
}

std::string usd_figure(double usd) { return usd > 0.0 ? fmt::format("{:.4f}", usd) : "-"; }

std::string bar(double fraction, std::size_t width) {
    const double share = std::clamp(fraction, 0.0, 1.0);
    const auto eighths =
        static_cast<std::size_t>(std::lround(share * static_cast<double>(width) * 8.0));
    std::string out;
    for (std::size_t i = 0; i < eighths / 8; ++i) out += "█";
    out += kEighths[eighths % 8];
    return out;
}

std::vector<std::string> column_chart(std::span<const double> values, std::size_t rows) {
    const auto [low, high] = std::ranges::minmax(values);
    const double range = high > low ? high - low : 1.0;
    const auto most = static_cast<double>(rows) * 8.0;
    std::vector<std::string> out(rows);
    for (const double value : values) {
        // The lowest column still shows one eighth.
        const auto eighths = std::lround(1.0 + (value - low) / range * (most - 1.0));
        for (std::size_t row = 0; row < rows; ++row) {
            const auto below = static_cast<long>(rows - 1 - row) * 8;
            out[row] += kHeights[static_cast<std::size_t>(std::clamp(eighths - below, 0L, 8L))];
        }
    }
    return out;
}

std::string wrapped(std::string_view text, std::size_t indent, std::size_t width) {
    const std::string margin(indent, ' ');
    std::string out = margin;
    std::size_t used = indent;
    while (!text.empty()) {
        const auto word = text.substr(0, text.find(' '));
        if (used > indent && used + 1 + word.size() > width) {
            out += "\n" + margin;
            used = indent;
        }
        if (used > indent) {
            out += ' ';
            ++used;
        }
        out += word;
        used += word.size();
        text.remove_prefix(std::min(text.size(), word.size() + 1));
    }
    return out + "\n";
}

std::string Style::heading(std::string_view text) const { return painted(colour, "1", text); }
std::string Style::good(std::string_view text) const { return painted(colour, "1;32", text); }
std::string Style::warning(std::string_view text) const { return painted(colour, "1;33", text); }
std::string Style::bad(std::string_view text) const { return painted(colour, "1;31", text); }
std::string Style::faint(std::string_view text) const { return painted(colour, "2", text); }

}  // namespace headroom::cli
