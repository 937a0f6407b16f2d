#include <algorithm>
#include <cmath>
#include <map>

#include "tests/spec/hardware_files.h"
#include "tests/support/catch.h"

using namespace headroom;

namespace {

std::map<std::string, std::vector<HardwareProfile>> by_chip() {
    std::map<std::string, std::vector<HardwareProfile>> chips;
    for (const auto& gpu : shipped_hardware().gpus()) chips[gpu.chip].push_back(gpu);
    return chips;
}

double tflops(const HardwareProfile& gpu, DType dtype) {
    const auto found = gpu.peak.find(dtype);
    return found == gpu.peak.end() ? 0.0 : found->second.count() / 1e12;
}

/// 16-bit dense peak, whichever of the two types the part has.
double half_tflops(const HardwareProfile& gpu) {
    return std::max(tflops(gpu, DType::bf16), tflops(gpu, DType::f16));
}

}  // namespace

TEST_CASE("SiblingsOfOneChipAgreeOnWhatTheySupport") {
    for (const auto& [chip, siblings] : by_chip()) {
        CHECK(!chip.empty());
        for (const auto& gpu : siblings) {
            INFO(chip << ": " << gpu.id << " beside " << siblings.front().id);
            CHECK(gpu.arch == siblings.front().arch);
            CHECK(gpu.compute_capability == siblings.front().compute_capability);
            CHECK(gpu.peak.size() == siblings.front().peak.size());
            CHECK((gpu.tf32_peak > FlopRate{}) == (siblings.front().tf32_peak > FlopRate{}));
        }
    }
}

TEST_CASE("PeaksOfOnePartStandInTheRatiosOfTheDenseHardware") {
    for (const auto& gpu : shipped_hardware().gpus()) {
        INFO(gpu.id);
        const double bf16 = tflops(gpu, DType::bf16);
        const double fp16 = tflops(gpu, DType::f16);
        const double fp8 = tflops(gpu, DType::f8);
        if (bf16 > 0.0 && fp16 > 0.0) CHECK(bf16 == fp16);
        // TPU v6e runs fp8 at the bf16 rate.
        if (fp8 > 0.0 && gpu.arch != "TPU") CHECK(fp8 / bf16 == Approx(2.0).epsilon(0.02));
        const double tf32 = gpu.tf32_peak.count() / 1e12;
        if (tf32 > 0.0) CHECK(tf32 / bf16 == Approx(0.5).epsilon(0.02));
        CHECK(tflops(gpu, DType::f32) < half_tflops(gpu));
    }
}

TEST_CASE("NoPeakIsTwiceThatOfASiblingAsSparseFiguresAre") {
    for (const auto& [chip, siblings] : by_chip()) {
        for (const auto& a : siblings) {
            for (const auto& b : siblings) {
                INFO(a.id << " beside " << b.id);
                CHECK(std::abs(half_tflops(a) / half_tflops(b) - 2.0) > 0.02);
            }
        }
    }
}

TEST_CASE("DensePeaksStayBelowTheLimitOfTheirArchitecture") {
    const std::map<std::string, double> limits{{"Volta", 125},
                                               {"Turing", 66},
                                               {"Ampere", 312},
                                               {"Ada", 365},
                                               {"Hopper", 990},
                                               {"Blackwell", 2500},
                                               {"Blackwell Ultra", 2500},
                                               {"CDNA2", 192},
                                               {"CDNA3", 1308},
                                               {"CDNA4", 2500},
                                               {"TPU", 918}};
    const std::map<std::string, double> chips{{"GA102", 156}, {"AD104", 122}, {"GB202", 504}};
    for (const auto& gpu : shipped_hardware().gpus()) {
        INFO(gpu.id);
        REQUIRE(limits.contains(gpu.arch));
        const auto chip = chips.find(gpu.chip);
        CHECK(half_tflops(gpu) <= (chip == chips.end() ? limits.at(gpu.arch) : chip->second));
    }
}

TEST_CASE("PartsWithOneChipAtOneClockHaveTheSamePeaks") {
    const auto& catalog = shipped_hardware();
    const auto reference = catalog.gpu("h100-sxm5-80gb", "");
    for (const auto* id : {"h200-sxm-141gb", "gh200-96gb", "h800-sxm5-80gb"}) {
        INFO(id);
        CHECK(catalog.gpu(id, "").peak == reference.peak);
        CHECK(catalog.gpu(id, "").tf32_peak == reference.tf32_peak);
    }
    const auto a100 = catalog.gpu("a100-sxm4-80gb", "");
    for (const auto* id : {"a100-sxm4-40gb", "a100-pcie-40gb", "a100-pcie-80gb"}) {
        CHECK(catalog.gpu(id, "").peak == a100.peak);
    }
    CHECK(catalog.gpu("v100-sxm2-16gb", "").peak == catalog.gpu("v100-sxm2-32gb", "").peak);
}

TEST_CASE("ConsumerPartsCountTheFp32AccumulateRate") {
    const auto& catalog = shipped_hardware();
    CHECK(tflops(catalog.gpu("rtx-4090", ""), DType::bf16) == Approx(165.2));
    CHECK(tflops(catalog.gpu("rtx-4090", ""), DType::f8) == Approx(330.3));
    CHECK(tflops(catalog.gpu("rtx-3090", ""), DType::f16) == Approx(71));
    CHECK(tflops(catalog.gpu("rtx-5090", ""), DType::bf16) == Approx(209.5));
    CHECK(tflops(catalog.gpu("rtx-a6000", ""), DType::bf16) == Approx(154.85));
}
