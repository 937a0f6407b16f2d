#include "runtime/cupti_library.h"

#if defined(HEADROOM_HAVE_CUPTI)

#include <fmt/format.h>

#include <cstdint>
#include <vector>

#include "runtime/shared_library.h"

namespace headroom {
namespace {

constexpr int kMajor = CUPTI_API_VERSION / 10000;

/// CUPTI lies beside the toolkit, which need not be where libraries are looked for.
std::vector<std::string> places() {
    const auto file = fmt::format("libcupti.so.{}", kMajor);
    return {file, "/usr/local/cuda/lib64/" + file, "/usr/local/cuda/extras/CUPTI/lib64/" + file};
}

std::string find_calls(const SharedLibrary& library, Cupti& cupti) {
    std::string missing;
    const auto find = [&](auto& call, const char* name) {
        if (!library.find(call, name) && missing.empty()) missing = name;
    };
#define HEADROOM_CUPTI(member, name) find(cupti.member, #name)
    HEADROOM_CUPTI(text, cuptiGetResultString);
    HEADROOM_CUPTI(version, cuptiGetVersion);
    HEADROOM_CUPTI(initialize, cuptiProfilerInitialize);
    HEADROOM_CUPTI(chip_name, cuptiDeviceGetChipName);
    HEADROOM_CUPTI(host_initialize, cuptiProfilerHostInitialize);
    HEADROOM_CUPTI(host_deinitialize, cuptiProfilerHostDeinitialize);
    HEADROOM_CUPTI(add_metrics, cuptiProfilerHostConfigAddMetrics);
    HEADROOM_CUPTI(image_size, cuptiProfilerHostGetConfigImageSize);
    HEADROOM_CUPTI(image, cuptiProfilerHostGetConfigImage);
    HEADROOM_CUPTI(passes, cuptiProfilerHostGetNumOfPasses);
    HEADROOM_CUPTI(range_name, cuptiProfilerHostGetRangeName);
    HEADROOM_CUPTI(evaluate, cuptiProfilerHostEvaluateToGpuValues);
    HEADROOM_CUPTI(enable, cuptiRangeProfilerEnable);
    HEADROOM_CUPTI(disable, cuptiRangeProfilerDisable);
    HEADROOM_CUPTI(data_size, cuptiRangeProfilerGetCounterDataSize);
    HEADROOM_CUPTI(data_initialize, cuptiRangeProfilerCounterDataImageInitialize);
    HEADROOM_CUPTI(set_config, cuptiRangeProfilerSetConfig);
    HEADROOM_CUPTI(start, cuptiRangeProfilerStart);
    HEADROOM_CUPTI(stop, cuptiRangeProfilerStop);
    HEADROOM_CUPTI(push, cuptiRangeProfilerPushRange);
    HEADROOM_CUPTI(pop, cuptiRangeProfilerPopRange);
    HEADROOM_CUPTI(decode, cuptiRangeProfilerDecodeData);
    HEADROOM_CUPTI(data_info, cuptiRangeProfilerGetCounterDataInfo);
#undef HEADROOM_CUPTI
    return missing;
}

/// What CUPTI refuses for a reason that its user can do something about.
std::string advice(CUptiResult code) {
    switch (code) {
        case CUPTI_ERROR_INSUFFICIENT_PRIVILEGES:
        case CUPTI_ERROR_VIRTUALIZED_DEVICE_INSUFFICIENT_PRIVILEGES:
            return " (counters need root, or the driver option "
                   "NVreg_RestrictProfilingToAdminUsers=0)";
        case CUPTI_ERROR_MIG_DEVICE_NOT_SUPPORTED:
        case CUPTI_ERROR_VIRTUALIZED_DEVICE_NOT_SUPPORTED:
            return " (a part of a GPU has no counters of its own)";
        default:
            return {};
    }
}

}  // namespace

std::string load(Cupti& cupti) {
    std::string missing;
    for (const auto& place : places()) {
        const SharedLibrary library(place);
        if (!library) {
            if (missing.empty()) missing = "CUPTI is not there: " + library.missing();
            continue;
        }
        const std::string absent = find_calls(library, cupti);
        if (!absent.empty()) return fmt::format("{} is too old: it has no {}", place, absent);
        std::uint32_t version = 0;
        cupti.version(&version);
        if (static_cast<int>(version / 10000) != kMajor) {
            return fmt::format("{} is of version {}, this program was built with {}", place,
                               version, CUPTI_API_VERSION);
        }
        return {};
    }
    return missing;
}

void check(const Cupti& cupti, CUptiResult code, const char* call) {
    if (code == CUPTI_SUCCESS) return;
    const char* text = "";
    cupti.text(code, &text);
    throw CuptiFailure(fmt::format("{}: {}{}", call, text, advice(code)));
}

CUcontext current_context() {
    CUresult (*ask)(CUcontext*) = nullptr;
    const SharedLibrary driver("libcuda.so.1");
    if (!driver || !driver.find(ask, "cuCtxGetCurrent")) {
        throw CuptiFailure("there is no NVIDIA driver: " + driver.missing());
    }
    CUcontext context = nullptr;
    if (ask(&context) != CUDA_SUCCESS || context == nullptr) {
        throw CuptiFailure("no CUDA context is current");
    }
    return context;
}

}  // namespace headroom

#endif
