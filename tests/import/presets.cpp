#include <map>

#include "planner/base/json.h"
#include "planner/import/model_source.h"
#include "tests/import/closed_form.h"
#include "tests/import/configs.h"
#include "tests/support/catch.h"

using namespace headroom;
using namespace headroom::test;

namespace {

/// The preset's file, found by its id alone: '/' is written "__".
Json preset_document(std::string id) {
    if (const auto at = id.find('/'); at != std::string::npos) id.replace(at, 1, "__");
    return read_json_file(kProfiles / "models" / (id + ".json"));
}

ModelSpec preset(const std::string& id) { return *load_model(id, kProfiles).spec; }

}  // namespace

TEST_CASE("EveryPresetCountEqualsThePublishedOne") {
    std::map<std::string, int> checked;
    for (const auto& id : preset_ids(kProfiles)) {
        const auto document = preset_document(id);
        INFO(id);
        const auto expected = document.at("params_total").get<std::int64_t>();
        CHECK(oracle::closed_form_parameters(preset(id)) == expected);
        ++checked[document.at("params_status").get<std::string>()];
    }
    CHECK(checked["verified_exact"] == 58);
}

TEST_CASE("ActiveCountsOfMoePresetsEqualThePublishedOnes") {
    int checked = 0;
    for (const auto& id : preset_ids(kProfiles)) {
        const auto document = preset_document(id);
        if (!document.contains("params_active")) continue;
        INFO(id);
        CHECK(oracle::closed_form_active_parameters(preset(id)) ==
              document.at("params_active").get<std::int64_t>());
        ++checked;
    }
    CHECK(checked == 7);
}

TEST_CASE("TextPartOfMultimodalPresetsIsCountedAlone") {
    for (const auto& id : preset_ids(kProfiles)) {
        const auto document = preset_document(id);
        if (!document.contains("params_text_only")) continue;
        auto spec = preset(id);
        CHECK(spec.extra.size() == 2);
        CHECK(spec.extra[0].count == 416866032);
        spec.extra.clear();
        CHECK(oracle::closed_form_parameters(spec) ==
              document.at("params_text_only").get<std::int64_t>());
    }
}

TEST_CASE("EveryPresetSurvivesItsJsonRoundTrip") {
    for (const auto& id : preset_ids(kProfiles)) {
        INFO(id);
        const auto spec = preset(id);
        const auto json = to_json(spec);
        CHECK(model_spec_from_json(JsonCursor(json, "")) == spec);
        const auto again = parse_json(json.dump(), "round trip");
        CHECK(model_from_hf_config(JsonCursor(again, ""), "other") == spec);
    }
}

TEST_CASE("PresetsAreFoundWhateverTheCaseAndByTheirShortName") {
    CHECK(preset("meta-llama/llama-3.1-8b").name == "meta-llama/Llama-3.1-8B");
    CHECK(preset("LLAMA-3.1-8B").name == "meta-llama/Llama-3.1-8B");
    CHECK(load_model("gpt2", kProfiles).origin == "preset");
}

TEST_CASE("UnknownNamesAreAnsweredWithTheNearestPresets") {
    CHECK_THROWS_WITH(load_model("meta-llama/Llama-3.1-9B", kProfiles),
                      Catch::Contains("meta-llama/Llama-3.1-8B"));
    CHECK_THROWS_AS(load_model("", kProfiles), InputError);
    CHECK_THROWS_AS(load_model("gpt2", kProfiles / "absent"), InputError);
}

TEST_CASE("EveryPresetNamesItsSource") {
    for (const auto& id : preset_ids(kProfiles)) {
        const auto document = preset_document(id);
        INFO(id);
        CHECK(document.at("format") == 1);
        CHECK(document.at("id") == id);
        CHECK_FALSE(document.at("source").at("config").get<std::string>().empty());
        CHECK_FALSE(document.at("source").at("params").get<std::string>().empty());
    }
}
