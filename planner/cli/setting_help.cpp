#include "planner/cli/setting_help.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "planner/cli/table.h"
#include "planner/spec/knob.h"

namespace headroom::cli {
namespace {

std::string values(const Knob& knob) {
    switch (knob.kind) {
        case KnobKind::boolean:
            return "true|false";
        case KnobKind::choice:
            return fmt::format("{}", fmt::join(knob.choices, "|"));
        case KnobKind::list:
            return "A,B,...";
        case KnobKind::integer:
        case KnobKind::number:
            return fmt::format("{} to {}", knob.low, knob.high);
    }
    return {};
}

}  // namespace

std::string settings_help() {
    Table table({Align::left, Align::left});
    for (const auto& knob : knobs()) {
        table.add({fmt::format("{}={}", knob.name, values(knob)), std::string(knob.help)});
    }
    auto out = "Settings for --pin:\n" + table.text();
    out.pop_back();  // CLI11 ends the line
    return out;
}

}  // namespace headroom::cli
