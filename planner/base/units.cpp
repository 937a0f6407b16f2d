#include "planner/base/units.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <string_view>
#include <utility>

namespace headroom {
namespace {

struct Scale {
    double size;
    std::string_view suffix;
};

template <std::size_t N>
std::string scaled(double value, const std::array<Scale, N>& scales, int digits) {
    const Scale* chosen = &scales.back();
    for (const auto& scale : scales) {
        if (std::abs(value) >= scale.size) {
            chosen = &scale;
            break;
        }
    }
    return fmt::format("{:.{}f} {}", value / chosen->size, digits, chosen->suffix);
}

constexpr std::array kBinary{Scale{1099511627776.0 * 1024, "PiB"}, Scale{1099511627776.0, "TiB"},
                             Scale{1073741824.0, "GiB"}, Scale{1048576.0, "MiB"},
                             Scale{1024.0, "KiB"}};
constexpr std::array kFlops{Scale{1e24, "YFLOP"}, Scale{1e21, "ZFLOP"}, Scale{1e18, "EFLOP"},
                            Scale{1e15, "PFLOP"}, Scale{1e12, "TFLOP"}, Scale{1e9, "GFLOP"},
                            Scale{1e6, "MFLOP"},  Scale{1.0, "FLOP"}};
constexpr std::array kTime{Scale{86400.0, "d"}, Scale{3600.0, "h"}, Scale{1.0, "s"},
                           Scale{1e-3, "ms"}, Scale{1e-6, "us"}};

}  // namespace

std::string to_string(Bytes bytes) {
    if (std::abs(bytes.count()) < 1024) return fmt::format("{} B", bytes.count());
    return scaled(bytes.real(), kBinary, 2);
}

std::string to_string(Flops work) { return scaled(work.count(), kFlops, 2); }

std::string to_string(FlopRate rate) { return fmt::format("{:.1f} TFLOP/s", rate.count() / 1e12); }

std::string to_string(Bandwidth rate) { return fmt::format("{:.1f} GB/s", rate.count() / 1e9); }

std::string to_string(Seconds time) {
    if (time.count() == 0.0) return "0 s";
    return scaled(time.count(), kTime, 2);
}

std::string with_thousands(std::int64_t value) {
    std::string digits = fmt::format("{}", value);
    const std::size_t first = value < 0 ? 1 : 0;
    for (std::size_t at = digits.size(); at > first + 3;) {
        at -= 3;
        digits.insert(at, 1, ',');
    }
    return digits;
}

std::string to_string(Usd amount) {
    const double cents = std::round(amount.count() * 100.0);
    if (std::abs(cents) > 9e15) return fmt::format("${:.4g}", amount.count());
    const auto whole = static_cast<std::int64_t>(cents / 100.0);
    const auto rest = static_cast<int>(std::abs(std::fmod(cents, 100.0)));
    return fmt::format("${}.{:02}", with_thousands(whole), rest);
}

}  // namespace headroom
