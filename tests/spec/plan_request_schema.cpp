#include <algorithm>

#include "planner/base/json.h"
#include "planner/spec/knob.h"
#include "planner/spec/listed_technique.h"
#include "tests/spec/hardware_files.h"
#include "tests/support/catch.h"

using namespace headroom;

namespace {

const Json& request_schema() {
    static const Json schema =
        read_json_file(std::filesystem::path(HEADROOM_PROFILES) / "schema" / "request.schema.json");
    return schema;
}

/// The properties of the object in which a group's knobs stand.
const Json& properties_of(std::string_view group) {
    const auto& all = request_schema().at("properties");
    for (const auto* plain : {"train", "layout"}) {
        if (group.substr(1) == plain) return all.at(plain).at("properties");
    }
    for (const auto& technique : all.at("techniques").at("items").at("oneOf")) {
        const auto& id = technique.at("properties").at("id");
        if ((id.contains("const") ? id.at("const") : id.at("enum").front()) ==
            ids_of(group).front()) {
            return technique.at("properties");
        }
    }
    throw InternalError("the schema lacks a group");
}

/// Values that switch a technique off are not among those of a listed one.
std::vector<std::string> listed_choices(const Knob& knob) {
    std::vector<std::string> choices(knob.choices.begin(), knob.choices.end());
    const bool listed = knob.group().starts_with("/techniques/");
    if (listed && choices.front() == "none") choices.erase(choices.begin());
    return choices;
}

Json described(const Knob& knob) {
    Json out{{"description", knob.help}};
    switch (knob.kind) {
        case KnobKind::boolean:
            out["type"] = "boolean";
            break;
        case KnobKind::integer:
        case KnobKind::number:
            out["type"] = knob.kind == KnobKind::integer ? "integer" : "number";
            out["minimum"] = knob.low;
            out["maximum"] = knob.high;
            break;
        case KnobKind::choice:
            out["enum"] = listed_choices(knob);
            break;
        case KnobKind::list:
            out["type"] = "array";
            out["items"] = {{"enum", listed_choices(knob)}};
            out["uniqueItems"] = true;
            break;
    }
    return out;
}

}  // namespace

TEST_CASE("TheRequestSchemaDescribesEveryKnobAsTheTableDoes") {
    for (const auto& each : knobs()) {
        INFO(each.path);
        CHECK(properties_of(each.group()).at(std::string(each.key())) == described(each));
    }
}

TEST_CASE("TheRequestSchemaDescribesNoOtherSetting") {
    for (const std::string_view group : std::initializer_list<std::string_view>{
             "/train", "/layout", "/techniques/recompute", "/techniques/offload",
             "/techniques/lora", "/techniques/qat", "/techniques/pruning", kDistillationGroup}) {
        INFO(group);
        for (const auto& [key, description] : properties_of(group).items()) {
            const auto members = knobs_of(group);
            const bool known = std::ranges::any_of(
                members, [&key = key](const Knob* each) { return each->key() == key; });
            const bool teacher = group == kDistillationGroup && key == kTeacherKey;
            CHECK((known || teacher || key == "id"));
        }
    }
}
