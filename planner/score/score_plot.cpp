#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <vector>

#include "planner/score/score_page.h"

namespace headroom {
namespace {

constexpr double kSize = 560.0;
constexpr double kMargin = 60.0;
constexpr double kLegend = 150.0;
constexpr std::array<std::string_view, 10> kColours{"#1b6ca8", "#d1495b", "#3a7d44", "#e08e45",
                                                    "#7b4fa3", "#17a398", "#8c5e3c", "#b5179e",
                                                    "#6c757d", "#222222"};

struct Point {
    double measured = 0.0;
    double predicted = 0.0;
    std::string framework{};
};

std::vector<Point> points_of(const Score& score, Plotted what) {
    std::vector<Point> points;
    for (const auto& row : score.rows.scored) {
        const auto& figure = what == Plotted::memory ? row.gib : row.seconds;
        if (!figure || figure->measured <= 0.0 || figure->predicted <= 0.0) continue;
        points.push_back(
            {figure->measured, figure->predicted, std::string(row.expressed.engine->framework)});
    }
    return points;
}

/// A logarithmic axis over whole decades.
class Axis10 {
public:
    explicit Axis10(const std::vector<Point>& points) {
        double low = 1e30;
        double high = 1e-30;
        for (const auto& p : points) {
            low = std::min({low, p.measured, p.predicted});
            high = std::max({high, p.measured, p.predicted});
        }
        first_ = points.empty() ? 0 : static_cast<int>(std::floor(std::log10(low)));
        last_ = points.empty() ? 1 : static_cast<int>(std::ceil(std::log10(high)));
        last_ = std::max(last_, first_ + 1);
    }
    [[nodiscard]] double place(double value) const {
        return (std::log10(value) - first_) / (last_ - first_) * kSize;
    }
    [[nodiscard]] double x(double value) const { return kMargin + place(value); }
    [[nodiscard]] double y(double value) const { return kMargin + kSize - place(value); }
    [[nodiscard]] int first() const { return first_; }
    [[nodiscard]] int last() const { return last_; }

private:
    int first_ = 0;
    int last_ = 1;
};

std::string line(const Axis10& axis, double factor, std::string_view style) {
    const double low = std::pow(10.0, axis.first());
    const double high = std::pow(10.0, axis.last());
    return fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" {}/>\n",
                       axis.x(low), axis.y(low * factor), axis.x(high), axis.y(high * factor),
                       style);
}

std::string grid(const Axis10& axis) {
    std::string text;
    for (int decade = axis.first(); decade <= axis.last(); ++decade) {
        const double value = std::pow(10.0, decade);
        text += fmt::format(
            "<line x1=\"{0:.1f}\" y1=\"{1:.1f}\" x2=\"{0:.1f}\" y2=\"{2:.1f}\" "
            "stroke=\"#ddd\"/>\n<line x1=\"{1:.1f}\" y1=\"{3:.1f}\" x2=\"{2:.1f}\" "
            "y2=\"{3:.1f}\" stroke=\"#ddd\"/>\n",
            axis.x(value), kMargin, kMargin + kSize, axis.y(value));
        text += fmt::format(
            "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{:g}</text>\n"
            "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{:g}</text>\n",
            axis.x(value), kMargin + kSize + 18.0, value, kMargin - 8.0, axis.y(value) + 4.0,
            value);
    }
    return text;
}

}  // namespace

std::string score_plot(const Score& score, Plotted what) {
    const auto points = points_of(score, what);
    const Axis10 axis(points);
    std::set<std::string> names;
    for (const auto& p : points) names.insert(p.framework);
    const auto colour = [&](const std::string& framework) {
        const auto at =
            static_cast<std::size_t>(std::distance(names.begin(), names.find(framework)));
        return kColours[at % kColours.size()];
    };
    const std::string unit = what == Plotted::memory ? "GiB" : "seconds a step";
    std::string text = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" "
        "font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"{0:.0f}\" height=\"{1:.0f}\" "
        "fill=\"white\"/>\n",
        kSize + 2.0 * kMargin + kLegend, kSize + 2.0 * kMargin);
    text += grid(axis) + line(axis, 1.0, "stroke=\"#444\"");
    for (const double factor : {0.9, 1.1}) {
        text += line(axis, factor, "stroke=\"#999\" stroke-dasharray=\"4 3\"");
    }
    for (const auto& p : points) {
        text += fmt::format(
            "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\" "
            "fill-opacity=\"0.6\"/>\n",
            axis.x(p.measured), axis.y(p.predicted), colour(p.framework));
    }
    double y = kMargin + 10.0;
    for (const auto& name : names) {
        text += fmt::format(
            "<circle cx=\"{0:.1f}\" cy=\"{1:.1f}\" r=\"4\" fill=\"{2}\"/>\n<text "
            "x=\"{3:.1f}\" y=\"{4:.1f}\">{5}</text>\n",
            kMargin + kSize + 20.0, y, colour(name), kMargin + kSize + 30.0, y + 4.0, name);
        y += 18.0;
    }
    const double middle = kMargin + kSize / 2.0;
    text += fmt::format(
        "<text x=\"{0:.1f}\" y=\"{1:.1f}\" text-anchor=\"middle\">measured {2}"
        "</text>\n<text transform=\"translate(16 {0:.1f}) rotate(-90)\" "
        "text-anchor=\"middle\">predicted {2}</text>\n</svg>\n",
        middle, kMargin + kSize + 44.0, unit);
    return text;
}

}  // namespace headroom
