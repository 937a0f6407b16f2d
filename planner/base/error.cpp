#include "planner/base/error.h"

#include <algorithm>
#include <cctype>
#include <numeric>
#include <string_view>
#include <utility>

namespace headroom {
namespace {

std::string lowered(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::tolower(c); });
    return out;
}

/// Levenshtein distance; a match of the shorter inside the longer costs only the length gap / 4,
/// so that "h100" finds "h100-sxm5-80gb" before "t4".
double distance(const std::string& a, const std::string& b) {
    if (!a.empty() && b.find(a) != std::string::npos) {
        return static_cast<double>(b.size() - a.size()) / 4.0;
    }
    std::vector<std::size_t> above(b.size() + 1);
    std::iota(above.begin(), above.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = above[0];
        above[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t substitute = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = above[j];
            above[j] = std::min({substitute, above[j] + 1, above[j - 1] + 1});
        }
    }
    return static_cast<double>(above[b.size()]);
}

}  // namespace

std::vector<std::string> nearest(const std::string& text, const std::vector<std::string>& names,
                                 std::size_t limit) {
    std::vector<std::pair<double, std::string>> ranked;
    // Only the head of a long text can match a name; an edit matrix of megabytes helps nobody.
    const std::string wanted = lowered(std::string_view(text).substr(0, 64));
    for (const auto& name : names) ranked.emplace_back(distance(wanted, lowered(name)), name);
    std::ranges::sort(ranked);
    std::vector<std::string> out;
    for (const auto& [cost, name] : ranked) {
        if (out.size() == limit) break;
        out.push_back(name);
    }
    return out;
}

}  // namespace headroom
