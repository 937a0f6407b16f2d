#include "planner/base/json.h"
#include "tests/spec/request_documents.h"
#include "tests/support/catch.h"
#include "tests/support/cpu_machine.h"

using namespace headroom;
using namespace headroom::test;

namespace {

PlanRequest on_cpu(std::int64_t ranks = 1) {
    PlanRequest request;
    request.model = *load_model("headroom/llama-15m", HEADROOM_PROFILES).spec;
    request.hardware = {.gpus = ranks, .profile = cpu_profile()};
    request.train.sequence = 512;
    request.layout.data = ranks;
    return request;
}

std::string refused(void (*change)(Json&)) {
    Json json = cpu_document();
    change(json);
    return input_error([&] { hardware_profile_from_json({json, ""}); });
}

}  // namespace

TEST_CASE("AProcessorIsAProfileWithoutLinks") {
    const HardwareProfile cpu = cpu_profile();
    CHECK(is_host(cpu));
    CHECK(cpu.vendor == kCpuVendor);
    CHECK(cpu.pcie == Bandwidth{});
    CHECK(cpu.node.network == Bandwidth{});
    CHECK(cpu.context_high == Bytes{});
    const Json written = to_json(cpu);
    CHECK(hardware_profile_from_json({written, ""}) == cpu);
    const Json document = cpu_document();
    for (const auto& [key, value] : document.items()) {
        if (key == "node") continue;
        INFO(key);
        CHECK(written.at(key) == value);
    }
    for (const auto& gpu : shipped_hardware().gpus()) CHECK_FALSE(is_host(gpu));
}

TEST_CASE("OnlyAProcessorHasNoLinkToAHost") {
    CHECK(refused([](Json& json) { json["vendor"] = "NVIDIA"; }) ==
          "/pcie_gb_s: is 0, only a profile of vendor CPU has no link to a host");
    CHECK(refused([](Json& json) { json["pcie_gb_s"] = 20; }).empty());
    CHECK(contains(refused([](Json& json) { json["pcie_gb_s"] = -1; }), "/pcie_gb_s: is -1"));
}

TEST_CASE("AProcessorIsReadFromAFile") {
    const ProfileDirectory files;
    const auto file = files.add("cpu.json", cpu_document());
    const auto catalog = HardwareCatalog::load(HEADROOM_PROFILES, {file});
    CHECK(catalog.gpu("this-machine", "") == cpu_profile());
    CHECK(catalog.gpu(file.string(), "") == cpu_profile());
}

TEST_CASE("ASlowProcessorsEmulatedPeaksAreAProfile") {
    Json slow = cpu_document();
    slow["peak_tflops"]["fp16"] = 0.008;
    CHECK(hardware_profile_from_json({slow, ""}).peak.at(DType::f16).count() == 8e9);
}

TEST_CASE("SchemasAllowWhatAProcessorLacks") {
    const std::filesystem::path folder = std::filesystem::path(HEADROOM_PROFILES) / "schema";
    const Json gpu = read_json_file(folder / "hardware.schema.json").at("properties");
    CHECK(gpu.at("pcie_gb_s").at("minimum") == 0);
    const Json node = read_json_file(folder / "node.schema.json").at("properties");
    CHECK(node.at("network_gb_s").at("minimum") == 0);
}

TEST_CASE("ARequestForAProcessorSurvivesItsJson") {
    const PlanRequest request = on_cpu();
    CHECK(validation_error(request).empty());
    const Json json = to_json(request);
    CHECK(read_request(json) == request);
}

TEST_CASE("AProcessorOffloadsNothing") {
    const auto error = [](void (*change)(PlanRequest&)) {
        PlanRequest request = on_cpu();
        change(request);
        return validation_error(request);
    };
    CHECK(error([](auto& r) { r.offload.optimizer = Tier::cpu; }) ==
          "/techniques/offload/optimizer: is cpu, but the memory of \"this-machine\" is the host's "
          "own");
    CHECK(contains(error([](auto& r) { r.offload.parameters = Tier::nvme; }),
                   "/techniques/offload/parameters: is nvme"));
    CHECK(contains(error([](auto& r) { r.offload.activations = true; }),
                   "/techniques/offload/activations: is true"));
}

TEST_CASE("RanksWithoutALinkAreRefused") {
    PlanRequest request = on_cpu(2);
    CHECK(validation_error(request) == "/hardware/gpus: is 2, but a node of 1 has no network");
    request.hardware.profile.node.gpus = 2;
    CHECK(validation_error(request) ==
          "/hardware/gpus: is 2, but nothing links one \"this-machine\" to another");
    request.hardware.profile.pcie = gigabytes_per_second(20.0);
    CHECK(validation_error(request).empty());
    request = on_cpu(2);
    request.hardware.profile.node.network = gigabytes_per_second(1.0);
    CHECK(validation_error(request).empty());
}
