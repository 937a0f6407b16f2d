#include <limits>
#include <random>

#include "planner/base/json.h"
#include "planner/spec/unit_field.h"
#include "tests/spec/hardware_files.h"
#include "tests/support/catch.h"

using namespace headroom;

namespace {

Json h100() { return to_json(shipped_hardware().gpu("h100", "")); }

/// The error of reading an H100 whose value at `pointer` is `value`.
std::string refused(const std::string& pointer, const Json& value) {
    Json json = h100();
    json[Json::json_pointer(pointer)] = value;
    return input_error([&] { (void)hardware_profile_from_json({json, ""}); });
}

}  // namespace

TEST_CASE("ValuesOutsideTheirLimitsAreRefusedAtTheirPointer") {
    struct Row {
        const char* pointer;
        Json value;
    };
    const std::vector<Row> rows{
        {"/memory_bandwidth_gb_s", -3350},
        {"/memory_bandwidth_gb_s", 0},
        {"/memory_bandwidth_gb_s", 1e18},
        {"/memory_bandwidth_gb_s", "3350"},
        {"/memory_bandwidth_gb_s", std::numeric_limits<double>::quiet_NaN()},
        {"/memory_bandwidth_gb_s", std::numeric_limits<double>::infinity()},
        {"/memory_capacity_gib", 80},
        {"/memory_capacity_gib/expected", -1},
        {"/memory_capacity_gib/low", 80},
        {"/memory_capacity_gib/high", 80},
        {"/context_mib/low", 9000},
        {"/context_mib/high", 1},
        {"/context_mib/high", 90000},
        {"/peak_tflops/bf16", -989},
        {"/peak_tflops/bf16", nullptr},
        {"/peak_tflops/tf32", 494},
        {"/peak_tflops", Json::object()},
        {"/gemm_fraction", 1.2},
        {"/gemm_fraction", 0},
        {"/gemm_fraction", nullptr},
        {"/nvlink_pair_gb_s", 1000},
        {"/nvlink_gb_s", -1},
        {"/pcie_gb_s", 0},
        {"/pcie_gb_s", 1e-300},
        {"/nvlink_gb_s", 1e-320},
        {"/tf32_peak_tflops", 1e-320},
        {"/attention_backward_fraction", 1e-320},
        {"/aliases", "h100"},
        {"/aliases/0", "H 100"},
        {"/id", 7},
        {"/vendor", 7},
        {"/node", "dgx-h100"},
        {"/node/gpus", 0},
        {"/node/gpus", 2.5},
        {"/node/host_ram_gib", -1},
        {"/node/nvme_read_gb_s", 0},
        {"/node/nvme_write_gb_s", 1e-320},
        {"/node/network_gb_s", 1e-320},
        {"/node/colour", "red"},
        {"/prices/0/kind", "gift"},
        {"/prices/0/usd_per_gpu_hour", -1},
        {"/prices/0/dated", nullptr},
        {"/sources/memory_bandwith_gb_s", "a page"},
        {"/sources/tdp_w", 700},
        {"/sources", Json::array()},
        {"/memory_bandwidth", 3350},
    };
    for (const auto& row : rows) {
        const auto error = refused(row.pointer, row.value);
        INFO(row.pointer << " = " << quoted(row.value) << ": " << error);
        CHECK(error.starts_with(std::string(row.pointer) + ": "));
    }
}

TEST_CASE("AMistypedKeyIsAnsweredWithTheNearest") {
    CHECK(
        contains(refused("/memory_bandwith_gb_s", 1), "the nearest is \"memory_bandwidth_gb_s\""));
    CHECK(contains(refused("/sources/tdp", "a page"), "the nearest is \"tdp_w\""));
    CHECK(contains(refused("/prices/0/kind", "gift"), "on-demand, spot, reserved, owned"));
}

TEST_CASE("AnyValueInAnyPlaceIsReadExactlyOrRefused") {
    const std::vector<Json> values{nullptr, true, -1, 0,     1,         0.5,
                                   1e18,    "x",  "", -1e-9, {1, 2, 3}, Json::object()};
    const Json flat = h100().flatten();
    for (const auto& [pointer, ignored] : flat.items()) {
        for (const auto& value : values) {
            Json json = h100();
            json[Json::json_pointer(pointer)] = value;
            try {
                const auto gpu = hardware_profile_from_json({json, ""});
                const Json written = to_json(gpu);
                INFO(pointer << " = " << quoted(value));
                CHECK(hardware_profile_from_json({written, ""}) == gpu);
            } catch (const InputError& error) {
                CHECK(!error.pointer().empty());
            }
        }
    }
}

TEST_CASE("AnyRateAndCapacitySurvivesARoundTrip") {
    std::mt19937_64 random(7);
    std::uniform_real_distribution<double> spread(60.0, 5000.0);
    for (int i = 0; i < 200; ++i) {
        Json json = h100();
        json["memory_bandwidth_gb_s"] = spread(random);
        json["memory_capacity_gib"]["expected"] = spread(random) + 100.0;
        json["launch_latency_us"] = spread(random);
        json["peak_tflops"]["bf16"] = spread(random);
        json["node"]["nvme_capacity_tb"] = spread(random);
        const auto gpu = hardware_profile_from_json({json, ""});
        const Json written = to_json(gpu);
        CHECK(hardware_profile_from_json({written, ""}) == gpu);
    }
    CHECK(amount_to_json(4.0 * 1e-6, 1e-6).dump() == "4");
    CHECK(amount_to_json(494.5 * 1e12, 1e12).dump() == "494.5");
}

TEST_CASE("GemmPeakIsTheDensePeakOrAnErrorThatNamesTheGpu") {
    const auto gpu = shipped_hardware().gpu("v100-32gb", "");
    CHECK(gemm_peak(gpu, DType::f16) == teraflops_per_second(125));
    const auto error = input_error([&] { (void)gemm_peak(gpu, DType::bf16); });
    CHECK(error == "/hardware/gpu: \"v100-sxm2-32gb\" has no bf16 matrix rate; it has fp32, fp16");
}

TEST_CASE("TheDefaultPriceIsTheMedianOfTheOnDemandOffers") {
    const auto offer = [](double usd, const char* kind) {
        return Price{.per_gpu_hour = Usd{usd}, .provider = "p", .kind = kind};
    };
    HardwareProfile gpu;
    CHECK(default_price(gpu) == Price{});
    gpu.prices = {offer(9, "spot"), offer(1, "spot"), offer(2, "reserved")};
    CHECK(default_price(gpu).per_gpu_hour == Usd{2});
    gpu.prices.push_back(offer(5, "on-demand"));
    gpu.prices.push_back(offer(4, "on-demand"));
    CHECK(default_price(gpu).per_gpu_hour == Usd{4});
    gpu.prices.push_back(offer(8, "on-demand"));
    CHECK(default_price(gpu).per_gpu_hour == Usd{5});
    CHECK(default_price(shipped_hardware().gpu("h100", "")).per_gpu_hour == Usd{2.99});
}
