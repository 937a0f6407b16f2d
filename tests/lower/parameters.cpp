#include <filesystem>

#include "planner/base/json.h"
#include "planner/import/model_source.h"
#include "planner/lower/parameter_count.h"
#include "tests/support/catch.h"

using namespace headroom;

namespace {

struct Preset {
    std::string id;
    std::string status;
    std::int64_t total = 0;
    std::int64_t active = 0;
};

std::vector<Preset> presets() {
    std::vector<Preset> out;
    for (const auto& entry : std::filesystem::directory_iterator(HEADROOM_PROFILES "/models")) {
        if (entry.path().extension() != ".json") continue;
        const Json json = read_json_file(entry.path());
        Preset preset{json.at("id"), json.at("params_status"), json.at("params_total"), 0};
        if (json.contains("params_active")) preset.active = json.at("params_active");
        out.push_back(preset);
    }
    return out;
}

}  // namespace

TEST_CASE("LoweredParameterCountEqualsThePublishedOne") {
    int exact = 0;
    for (const auto& preset : presets()) {
        INFO(preset.id << " " << preset.status);
        const auto source = load_model(preset.id, HEADROOM_PROFILES);
        REQUIRE(source.spec);
        const auto count = count_parameters(*source.spec);
        if (preset.status == "verified_approx") {
            CHECK(static_cast<double>(count.total()) ==
                  Approx(static_cast<double>(preset.total)).epsilon(1e-3));
        } else {
            CHECK(count.total() == preset.total);
        }
        if (preset.active > 0) CHECK(count.active == preset.active);
        exact += preset.status == "verified_exact" ? 1 : 0;
    }
    CHECK(exact == 58);
}
