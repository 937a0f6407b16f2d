#include <map>

#include "planner/base/json.h"
#include "tests/spec/hardware_files.h"
#include "tests/support/catch.h"

using namespace headroom;

namespace {

HardwareCatalog with(const std::filesystem::path& override_path) {
    return HardwareCatalog::load(HEADROOM_PROFILES, {override_path});
}

std::string load_error(const std::filesystem::path& override_path) {
    return input_error([&] { with(override_path); });
}

}  // namespace

TEST_CASE("TheNamesThatPeopleTypeFindTheirGpu") {
    const std::map<std::string, std::string> names{{"h100", "h100-sxm5-80gb"},
                                                   {"h100-sxm-80gb", "h100-sxm5-80gb"},
                                                   {"H100-SXM5-80GB", "h100-sxm5-80gb"},
                                                   {"a100", "a100-sxm4-80gb"},
                                                   {"a100-80gb", "a100-sxm4-80gb"},
                                                   {"A100-40GB", "a100-sxm4-40gb"},
                                                   {"4090", "rtx-4090"},
                                                   {"RTX4090", "rtx-4090"},
                                                   {"v100-32gb", "v100-sxm2-32gb"},
                                                   {"h200", "h200-sxm-141gb"},
                                                   {"b200", "b200-sxm"},
                                                   {"gb200", "gb200"},
                                                   {"l40s", "l40s"},
                                                   {"mi300x", "mi300x"},
                                                   {"a100-pcie-80", "a100-pcie-80gb"},
                                                   {"rtx-pro-6000", "rtx-pro-6000-blackwell"}};
    for (const auto& [name, id] : names) {
        INFO(name);
        CHECK(shipped_hardware().gpu(name, "").id == id);
    }
    CHECK(shipped_hardware().node("DGX-2", "").gpus == 16);
    CHECK(in_gib(shipped_hardware().node("dgx-2", "").host_ram) == 1536);
}

TEST_CASE("AnUnknownGpuIsReportedWhereItStandsWithNearNames") {
    const auto error = input_error([] { (void)shipped_hardware().gpu("h10", "/hardware/gpu"); });
    CHECK(error.starts_with("/hardware/gpu: unknown GPU \"h10\""));
    CHECK(contains(error, "h100"));
    const auto node = input_error([] { (void)shipped_hardware().node("dgx-h10", "/node"); });
    CHECK(node.starts_with("/node: unknown node"));
    CHECK(contains(node, "dgx-h100"));
    const auto file = input_error([] { (void)shipped_hardware().gpu("no/such.json", "/gpu"); });
    CHECK(file == "/gpu: there is no profile file \"no/such.json\"");
}

TEST_CASE("TheShippedCatalogHoldsEveryAccelerator") {
    CHECK(HardwareCatalog::load(HEADROOM_PROFILES).gpus().size() >= 38);
}

TEST_CASE("APartialOverrideChangesItsKeysAndSaysSo") {
    const ProfileDirectory directory;
    const auto file = directory.add("mine.json", {{"id", "my-h100"},
                                                  {"base", "H100"},
                                                  {"memory_bandwidth_gb_s", 3000},
                                                  {"peak_tflops", {{"bf16", 900}}},
                                                  {"gemm_fraction", 0.66},
                                                  {"sources", {{"gemm_fraction", "our sweep"}}},
                                                  {"node", {{"host_ram_gib", 512}}}});
    const auto base = shipped_hardware().gpu("h100", "");
    const auto mine = with(file).gpu("my-h100", "");
    CHECK(mine.memory_bandwidth == gigabytes_per_second(3000));
    CHECK(mine.peak.at(DType::bf16) == teraflops_per_second(900));
    CHECK(mine.peak.at(DType::f8) == base.peak.at(DType::f8));
    CHECK(mine.node.host_ram == gibibytes(512));
    CHECK(mine.node.gpus == 8);
    CHECK(mine.prices == base.prices);
    CHECK(mine.aliases.empty());
    CHECK(contains(mine.sources.at("memory_bandwidth_gb_s"), "override: "));
    CHECK(contains(mine.sources.at("peak_tflops/bf16"), "mine.json"));
    CHECK(contains(mine.node.sources.at("host_ram_gib"), "mine.json"));
    CHECK(mine.sources.at("gemm_fraction") == "our sweep");
    CHECK(mine.sources.at("tdp_w") == base.sources.at("tdp_w"));
    CHECK(shipped_hardware().gpu(file.string(), "") == mine);
}

TEST_CASE("AnOverrideOfAShippedIdReplacesItAndKeepsItsAliases") {
    const ProfileDirectory directory;
    directory.add("h100.json",
                  {{"id", "h100-sxm5-80gb"}, {"base", "h100-sxm5-80gb"}, {"tdp_w", 500}});
    const auto catalog = with(directory.path());
    CHECK(catalog.gpus().size() == shipped_hardware().gpus().size());
    CHECK(catalog.gpu("h100", "").tdp_watts == 500);
}

TEST_CASE("AWholeProfileAndItsNodeCanBeAdded") {
    const ProfileDirectory directory;
    Json gpu = to_json(shipped_hardware().gpu("l4", ""));
    gpu["id"] = "x1";
    gpu["aliases"] = Json::array({"x-one"});
    gpu["node"] = "x1-host";
    Json node = to_json(shipped_hardware().node("generic-workstation", ""));
    node["id"] = "x1-host";
    node["kind"] = "node";
    directory.add("a-gpu.json", gpu);
    directory.add("b-node.json", node);
    const auto catalog = with(directory.path());
    CHECK(catalog.gpu("X-One", "").node.id == "x1-host");
    CHECK(catalog.node("x1-host", "").host_ram == gibibytes(128));
}

TEST_CASE("BasesMayStandInAnyOrderButNotInACircle") {
    const ProfileDirectory chain;
    chain.add("a.json", {{"id", "a-a"}, {"base", "b-b"}, {"tdp_w", 1}});
    chain.add("b.json", {{"id", "b-b"}, {"base", "l4"}, {"pcie_gb_s", 7}});
    CHECK(with(chain.path()).gpu("a-a", "").pcie == gigabytes_per_second(7));

    const ProfileDirectory circle;
    circle.add("a.json", {{"id", "a-a"}, {"base", "b-b"}});
    circle.add("b.json", {{"id", "b-b"}, {"base", "a-a"}});
    CHECK(contains(load_error(circle.path()), "a.json#/base: leads back to this profile"));
}

TEST_CASE("OverridingPricesReplacesThoseOfTheGpu") {
    const ProfileDirectory directory;
    const Json price{{"gpu", "h100"},   {"usd_per_gpu_hour", 1.11}, {"provider", "our cluster"},
                     {"kind", "owned"}, {"dated", "2026-11"},       {"source", "finance"}};
    directory.add("p.json", {{"kind", "prices"}, {"prices", Json::array({price})}});
    const auto catalog = with(directory.path());
    CHECK(catalog.gpu("h100", "").prices.size() == 1);
    CHECK(default_price(catalog.gpu("h100", "")).per_gpu_hour == Usd{1.11});
    CHECK(catalog.gpu("h200", "").prices == shipped_hardware().gpu("h200", "").prices);
}

TEST_CASE("BadProfileFilesAreRefusedWithFileAndPointer") {
    const ProfileDirectory directory;
    const auto refused = [&](const Json& json) {
        return load_error(directory.add("x.json", json));
    };
    CHECK(contains(refused({{"id", "x"}, {"base", "h1000"}}), "x.json#/base: unknown base"));
    CHECK(contains(refused({{"id", "x"}, {"base", "h100"}, {"nodes", "dgx-2"}}),
                   "x.json#/nodes: is not a known key; the nearest is \"node\""));
    CHECK(contains(refused({{"id", "x"}, {"base", "h100"}, {"node", "dgx-22"}}),
                   "x.json#/node: unknown node"));
    CHECK(contains(refused({{"id", "X y"}, {"base", "h100"}}), "x.json#/id: is \"X y\""));
    CHECK(contains(refused({{"id", "x"}}), "x.json#/node: is missing"));
    CHECK(contains(refused({{"base", "h100"}}), "x.json#/id: is missing"));
    CHECK(contains(refused({{"id", "x"}, {"base", "h100"}, {"aliases", {"a100"}}}),
                   "the name \"a100\" belongs to"));
    CHECK(contains(refused({{"kind", "cpu"}}), "x.json#/kind: is \"cpu\", must be one of"));
    CHECK(contains(refused(Json::array()), "x.json#: must be an object"));
    CHECK(contains(refused({{"kind", "prices"}, {"prices", {{{"gpu", "h1"}}}}}),
                   "x.json#/prices/0/gpu: unknown GPU"));
    CHECK(contains(load_error(directory.add_text("x.json", "{\"id\": NaN}")), "not valid JSON"));
    CHECK(contains(load_error(directory.path() / "absent"), "neither a profile nor a directory"));
}

TEST_CASE("TwoProfilesOfOneIdInADirectoryAreRefused") {
    const ProfileDirectory directory;
    directory.add("a.json", {{"id", "mine"}, {"base", "h100"}});
    directory.add("b.json", {{"id", "mine"}, {"base", "a100"}});
    const auto error = load_error(directory.path());
    CHECK(contains(error, "b.json#/id: is \"mine\", which"));
    CHECK(contains(error, "a.json has already"));
}
