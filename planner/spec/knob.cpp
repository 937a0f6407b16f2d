#include "planner/spec/knob.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "planner/base/json.h"
#include "planner/spec/names.h"

namespace headroom {
namespace {

std::vector<std::string> as_strings(std::span<const std::string_view> views) {
    return {views.begin(), views.end()};
}

const std::string& choice(const Knob& knob, const JsonCursor& json) {
    const auto& text = json.string();
    if (std::ranges::find(knob.choices, text) == knob.choices.end()) {
        const auto close = nearest(text, as_strings(knob.choices), 1);
        json.fail(fmt::format("is {}, must be one of {}; the nearest is \"{}\"",
                              quoted(json.value()), fmt::join(knob.choices, ", "),
                              fmt::join(close, "")));
    }
    return text;
}

std::vector<std::string> list(const Knob& knob, const JsonCursor& json) {
    std::vector<std::string> values;
    for (const auto& element : json.elements()) {
        const auto& text = choice(knob, element);
        if (std::ranges::find(values, text) != values.end()) {
            element.fail(fmt::format("is {} a second time", quoted(element.value())));
        }
        values.push_back(text);
    }
    return values;
}

template <class Number>
Json number_in(std::string_view text) {
    Number value{};
    const auto* const end = text.data() + text.size();
    const auto [stop, failure] = std::from_chars(text.data(), end, value);
    // Text that is no number stays text, which the check then refuses by quoting it.
    if (failure != std::errc{} || stop != end || !std::isfinite(value)) return std::string(text);
    return value;
}

Json truth_in(std::string_view text) {
    if (text == "true") return true;
    if (text == "false") return false;
    return std::string(text);
}

Json elements_in(std::string_view text) {
    Json out = Json::array();
    while (!text.empty()) {
        const auto comma = text.find(',');
        out.push_back(std::string(text.substr(0, comma)));
        text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
    }
    return out;
}

Json as_json(KnobKind kind, std::string_view text) {
    switch (kind) {
        case KnobKind::boolean:
            return truth_in(text);
        case KnobKind::integer:
            return number_in<std::int64_t>(text);
        case KnobKind::number:
            return number_in<double>(text);
        case KnobKind::choice:
            return std::string(text);
        case KnobKind::list:
            return elements_in(text);
    }
    throw InternalError("a knob of no kind");
}

}  // namespace

const Knob& knob(std::string_view name, const std::string& pointer) {
    const auto found = std::ranges::find(knobs(), name, &Knob::name);
    if (found != knobs().end()) return *found;
    std::vector<std::string> names;
    for (const auto& each : knobs()) names.emplace_back(each.name);
    throw InputError(pointer, fmt::format("there is no setting {}; the nearest are {}",
                                          quoted(Json(std::string(name))),
                                          fmt::join(nearest(std::string(name), names), ", ")));
}

std::string pointer(const Knob& knob, const PlanRequest& request) {
    const auto kind = request.adapter.kind;
    if (knob.group() != kAdapterGroup || kind == AdapterKind::none) return std::string(knob.path);
    return fmt::format("/techniques/{}/{}", name(kind), knob.key());
}

KnobValue value_from_json(const Knob& knob, const JsonCursor& json) {
    switch (knob.kind) {
        case KnobKind::boolean:
            return json.boolean();
        case KnobKind::integer:
            return json.integer(static_cast<std::int64_t>(knob.low),
                                static_cast<std::int64_t>(knob.high));
        case KnobKind::number:
            return json.number(knob.low, knob.high);
        case KnobKind::choice:
            return choice(knob, json);
        case KnobKind::list:
            return list(knob, json);
    }
    throw InternalError("a knob of no kind");
}

KnobValue parse(const Knob& knob, std::string_view text, const std::string& pointer) {
    const Json json = as_json(knob.kind, text);
    return value_from_json(knob, {json, pointer.empty() ? std::string(knob.path) : pointer});
}

Json to_json(const KnobValue& value) {
    return std::visit([](const auto& each) { return Json(each); }, value);
}

std::string to_string(const KnobValue& value) {
    if (const auto* text = std::get_if<std::string>(&value)) return *text;
    if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
        return fmt::format("{}", fmt::join(*list, ","));
    }
    return to_json(value).dump();
}

void set(PlanRequest& request, std::string_view name, const KnobValue& value) {
    const auto& setting = knob(name);
    const Json json = to_json(value);
    setting.assign(request, value_from_json(setting, {json, std::string(setting.path)}));
}

}  // namespace headroom
