#include <algorithm>
#include <set>

#include "planner/base/json.h"
#include "tests/spec/hardware_files.h"
#include "tests/support/catch.h"

using namespace headroom;
namespace fs = std::filesystem;

namespace {

std::vector<fs::path> shipped_files(const std::string& folder) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(fs::path(HEADROOM_PROFILES) / folder)) {
        if (entry.is_regular_file()) files.push_back(entry.path());
    }
    std::ranges::sort(files);
    return files;
}

bool has_source(const Json& sources, const std::string& key, const std::string& part = "") {
    return sources.contains(key) || (!part.empty() && sources.contains(key + "/" + part));
}

/// Keys of numbers, at the top or in one group, whose source is missing.
std::vector<std::string> unsourced(const Json& profile) {
    std::vector<std::string> missing;
    const Json& sources = profile.at("sources");
    for (const auto& [key, value] : profile.items()) {
        if (value.is_number() && !has_source(sources, key)) missing.push_back(key);
        if (!value.is_object() || key == "sources") continue;
        for (const auto& [part, number] : value.items()) {
            if (!has_source(sources, key, part)) missing.push_back(key + "/" + part);
        }
    }
    return missing;
}

std::vector<std::string> stale_sources(const Json& profile) {
    std::vector<std::string> stale;
    for (const auto& [key, text] : profile.at("sources").items()) {
        if (!profile.contains(Json::json_pointer("/" + key))) stale.push_back(key);
        if (text.get<std::string>().size() < 8) stale.push_back(key);
    }
    return stale;
}

/// One string, so that a failed check shows the names.
std::string joined(const std::vector<std::string>& names) {
    std::string text;
    for (const auto& each : names) text += each + " ";
    return text;
}

}  // namespace

TEST_CASE("EveryShippedFileIsNamedAfterItsId") {
    for (const auto& folder : {"hardware", "hardware/nodes"}) {
        for (const auto& file : shipped_files(folder)) {
            INFO(file);
            CHECK(read_json_file(file).at("id") == file.stem().string());
        }
    }
    CHECK(shipped_hardware().gpus().size() == shipped_files("hardware").size());
    CHECK(shipped_hardware().nodes().size() == shipped_files("hardware/nodes").size());
    CHECK(shipped_hardware().gpus().size() >= 38);
    CHECK(shipped_hardware().nodes().size() >= 18);
}

TEST_CASE("EveryNumberOfAShippedProfileHasASource") {
    for (const auto& folder : {"hardware", "hardware/nodes"}) {
        for (const auto& file : shipped_files(folder)) {
            INFO(file);
            const Json profile = read_json_file(file);
            CHECK(joined(unsourced(profile)).empty());
            CHECK(joined(stale_sources(profile)).empty());
        }
    }
}

TEST_CASE("ShippedProfilesSurviveAJsonRoundTrip") {
    for (const auto& gpu : shipped_hardware().gpus()) {
        INFO(gpu.id);
        const Json json = to_json(gpu);
        const auto again = hardware_profile_from_json({json, ""});
        CHECK(again == gpu);
        CHECK(to_json(again) == json);
    }
    for (const auto& node : shipped_hardware().nodes()) {
        INFO(node.id);
        const Json json = to_json(node);
        CHECK(node_profile_from_json({json, ""}) == node);
    }
}

TEST_CASE("WhatIsShippedIsWrittenBackAsItStands") {
    for (const auto& file : shipped_files("hardware")) {
        const Json shipped = read_json_file(file);
        const Json written = to_json(shipped_hardware().gpu(shipped.at("id"), ""));
        for (const auto& [key, value] : shipped.items()) {
            if (key == "$schema" || key == "node") continue;
            INFO(file << " " << key);
            CHECK(written.at(key) == value);
        }
    }
}

TEST_CASE("SchemasKnowTheKeysThatProfilesHave") {
    const auto keys = [](const Json& object) {
        std::set<std::string> out;
        for (const auto& [key, value] : object.items()) out.insert(key);
        return out;
    };
    const auto schema = [](const char* name) {
        return read_json_file(fs::path(HEADROOM_PROFILES) / "schema" / name).at("properties");
    };
    auto gpu = keys(to_json(shipped_hardware().gpus().front()));
    auto node = keys(to_json(shipped_hardware().nodes().front()));
    for (const auto* key : {"$schema", "base", "kind"}) {
        gpu.insert(key);
        node.insert(key);
    }
    CHECK(keys(schema("hardware.schema.json")) == gpu);
    CHECK(keys(schema("node.schema.json")) == node);
    auto price = keys(to_json(Price{}));
    price.insert("gpu");
    CHECK(keys(schema("prices.schema.json")["prices"]["items"]["properties"]) == price);
}

TEST_CASE("CapacityIsBelowTheLabel") {
    for (const auto& gpu : shipped_hardware().gpus()) {
        INFO(gpu.id);
        CHECK(in_gib(gpu.memory_capacity) < gpu.memory_label_gb);
        CHECK(in_gib(gpu.memory_capacity_low) > 0.90 * gpu.memory_label_gb);
        CHECK(gpu.memory_capacity_low <= gpu.memory_capacity);
        CHECK(gpu.context_high < gpu.memory_capacity / 4);
    }
}

TEST_CASE("FractionsArePartsOfTheWhole") {
    using Member = double HardwareProfile::*;
    for (const auto& gpu : shipped_hardware().gpus()) {
        INFO(gpu.id);
        for (const Member member :
             {&HardwareProfile::gemm_fraction, &HardwareProfile::attention_fraction,
              &HardwareProfile::memory_fraction, &HardwareProfile::link_fraction,
              &HardwareProfile::pcie_fraction}) {
            CHECK(gpu.*member > 0.1);
            CHECK(gpu.*member <= 1.0);
        }
        CHECK(gpu.attention_fraction < gpu.gemm_fraction);
    }
}

TEST_CASE("DefaultNodesFitTheirGpu") {
    const auto& catalog = shipped_hardware();
    for (const auto& gpu : catalog.gpus()) {
        INFO(gpu.id << " in " << gpu.node.id);
        CHECK(gpu.node == catalog.node(gpu.node.id, ""));
        if (!gpu.node.gpu.empty()) CHECK(gpu.node.gpu == gpu.id);
    }
    for (const auto& node : catalog.nodes()) {
        INFO(node.id);
        if (!node.gpu.empty()) CHECK(catalog.gpu(node.gpu, "").id == node.gpu);
        CHECK((node.nvlink_domain == 0 || node.nvlink_domain >= node.gpus));
        CHECK(!node.confidence.empty());
    }
}

TEST_CASE("PricesAreDatedAndSourced") {
    for (const auto& gpu : shipped_hardware().gpus()) {
        for (const auto& price : gpu.prices) {
            INFO(gpu.id << " " << price.provider);
            CHECK(price.per_gpu_hour > Usd{0.1});
            CHECK(price.dated.starts_with("20"));
            CHECK(price.source.size() > 8);
            CHECK(!price.provider.empty());
        }
    }
}
