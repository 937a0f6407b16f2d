#include <fmt/format.h>

#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "planner/base/json.h"
#include "planner/spec/model_fields.h"
#include "planner/spec/model_spec.h"

namespace headroom {
namespace {

constexpr const char* kFormat = "headroom-model";

Json written(bool value) { return value; }
Json written(std::int64_t value) { return value; }
Json written(double value) { return value; }
Json written(const std::string& value) { return value; }
Json written(const std::vector<bool>& flags) {
    Json out = flags;  // braces would make it an array in an array
    return out;
}

template <class Enum>
requires std::is_enum_v<Enum> Json written(Enum value) {
    for (const auto& [entry, word] : words(value)) {
        if (entry == value) return std::string(word);
    }
    throw InternalError("an enum value has no word");
}

template <class Struct>
requires std::is_class_v<Struct> Json written(const Struct& value);

template <class Struct>
Json written(const std::optional<Struct>& value) {
    return value ? written(*value) : Json(nullptr);
}

Json written(const std::vector<ExtraParameters>& parts) {
    Json out = Json::array();
    for (const auto& part : parts) out.push_back(written(part));
    return out;
}

template <class Struct>
requires std::is_class_v<Struct> Json written(const Struct& value) {
    Json out = Json::object();
    const Struct plain{};
    visit_fields(
        [&](const char* key, auto member, auto...) {
            if (!(value.*member == plain.*member)) out[key] = written(value.*member);
        },
        &value);
    return out;
}

void read(const JsonCursor& json, bool& value) { value = json.boolean(); }
void read(const JsonCursor& json, std::string& value) { value = json.string(); }
void read(const JsonCursor& json, std::int64_t& value, Range<std::int64_t> range) {
    value = json.integer(range.low, range.high);
}
void read(const JsonCursor& json, double& value, Range<double> range) {
    value = json.number(range.low, range.high);
}

void read(const JsonCursor& json, std::vector<bool>& flags) {
    const auto elements = json.elements();
    if (elements.size() > static_cast<std::size_t>(limits::kLayers)) {
        json.fail(fmt::format("has {} flags, the limit is {}", elements.size(), limits::kLayers));
    }
    flags.clear();
    for (const auto& element : elements) flags.push_back(element.boolean());
}

template <class Enum>
requires std::is_enum_v<Enum>
void read(const JsonCursor& json, Enum& value) {
    std::string known;
    for (const auto& [entry, word] : words(value)) {
        if (json.string() == word) {
            value = entry;
            return;
        }
        known += fmt::format("{}{}", known.empty() ? "" : ", ", word);
    }
    json.fail(fmt::format("is {}, must be one of {}", quoted(json.value()), known));
}

template <class Struct>
requires std::is_class_v<Struct>
void read(const JsonCursor& json, Struct& value);

template <class Struct>
void read(const JsonCursor& json, std::optional<Struct>& value) {
    read(json, value.emplace());
}

void read(const JsonCursor& json, std::vector<ExtraParameters>& parts) {
    parts.clear();
    for (const auto& element : json.elements()) read(element, parts.emplace_back());
}

template <class Struct>
requires std::is_class_v<Struct>
void read(const JsonCursor& json, Struct& value) {
    std::vector<std::string> known;
    if constexpr (std::is_same_v<Struct, ModelSpec>) known.emplace_back("format");
    visit_fields([&](const char* key, auto&&...) { known.emplace_back(key); }, &value);
    json.only(known);
    visit_fields(
        [&](const char* key, auto member, auto... range) {
            if (const auto found = json.find(key)) read(*found, value.*member, range...);
        },
        &value);
}

}  // namespace

Json to_json(const ModelSpec& spec) {
    Json out = written(spec);
    out["format"] = kFormat;
    return out;
}

ModelSpec model_spec_from_json(const JsonCursor& json) {
    const auto format = json.at("format");
    if (format.string() != kFormat) {
        format.fail(fmt::format("is {}, must be \"{}\"", quoted(format.value()), kFormat));
    }
    ModelSpec spec;
    read(json, spec);
    validate(spec, json.pointer() == "/" ? "" : json.pointer());
    return spec;
}

}  // namespace headroom
