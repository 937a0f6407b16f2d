#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "planner/base/units.h"

namespace headroom::cli {

/// "12.34": GiB without its unit, for columns that name it.
std::string gib(Bytes bytes);
/// "+1.20", "-0.35", "0.00".
std::string signed_gib(Bytes bytes);
/// "43.1 %".
std::string percent(double fraction);
/// "+1.20 s", "0 s".
std::string signed_time(Seconds time);
/// "12,345" for a number of tokens, FLOPs or the like.
std::string rounded(double value);

/// "0.0602"; "-" for an unknown price.
std::string usd_figure(double usd);

/// A horizontal bar of up to `width` columns in steps of an eighth.
std::string bar(double fraction, std::size_t width);
/// A column per value over the lowest of them, as lines from the top one down; `values` not empty.
std::vector<std::string> column_chart(std::span<const double> values, std::size_t rows);

/// Words over lines of at most `width` columns, each after `indent` blanks.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t width = 98);

/// How text stands out on a terminal; plain elsewhere.
struct Style {
    bool colour = false;

    [[nodiscard]] std::string heading(std::string_view text) const;
    [[nodiscard]] std::string good(std::string_view text) const;
    [[nodiscard]] std::string warning(std::string_view text) const;
    [[nodiscard]] std::string bad(std::string_view text) const;
    [[nodiscard]] std::string faint(std::string_view text) const;
};

}  // namespace headroom::cli
