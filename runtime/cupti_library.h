#pragma once

// What is used of CUPTI, loaded while the program runs; only where its headers were there to build
// with. It is declared by them alone, so that a library of another layout cannot be called.

#if __has_include(<cupti_range_profiler.h>)
#define HEADROOM_HAVE_CUPTI 1

#include <cupti_profiler_host.h>
#include <cupti_profiler_target.h>
#include <cupti_range_profiler.h>
#include <cupti_result.h>
#include <cupti_target.h>
#include <cupti_version.h>

#include <stdexcept>
#include <string>

namespace headroom {

struct Cupti {
    decltype(&cuptiGetResultString) text = nullptr;
    decltype(&cuptiGetVersion) version = nullptr;
    decltype(&cuptiProfilerInitialize) initialize = nullptr;
    decltype(&cuptiDeviceGetChipName) chip_name = nullptr;
    decltype(&cuptiProfilerHostInitialize) host_initialize = nullptr;
    decltype(&cuptiProfilerHostDeinitialize) host_deinitialize = nullptr;
    decltype(&cuptiProfilerHostConfigAddMetrics) add_metrics = nullptr;
    decltype(&cuptiProfilerHostGetConfigImageSize) image_size = nullptr;
    decltype(&cuptiProfilerHostGetConfigImage) image = nullptr;
    decltype(&cuptiProfilerHostGetNumOfPasses) passes = nullptr;
    decltype(&cuptiProfilerHostGetRangeName) range_name = nullptr;
    decltype(&cuptiProfilerHostEvaluateToGpuValues) evaluate = nullptr;
    decltype(&cuptiRangeProfilerEnable) enable = nullptr;
    decltype(&cuptiRangeProfilerDisable) disable = nullptr;
    decltype(&cuptiRangeProfilerGetCounterDataSize) data_size = nullptr;
    decltype(&cuptiRangeProfilerCounterDataImageInitialize) data_initialize = nullptr;
    decltype(&cuptiRangeProfilerSetConfig) set_config = nullptr;
    decltype(&cuptiRangeProfilerStart) start = nullptr;
    decltype(&cuptiRangeProfilerStop) stop = nullptr;
    decltype(&cuptiRangeProfilerPushRange) push = nullptr;
    decltype(&cuptiRangeProfilerPopRange) pop = nullptr;
    decltype(&cuptiRangeProfilerDecodeData) decode = nullptr;
    decltype(&cuptiRangeProfilerGetCounterDataInfo) data_info = nullptr;
};

/// A call of CUPTI failed; one sentence that names it.
struct CuptiFailure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// The calls, or why they are not to be had.
std::string load(Cupti& cupti);
/// Throws CuptiFailure, with what its user can do about it.
void check(const Cupti& cupti, CUptiResult code, const char* call);
/// The CUDA context that is current in this thread.
CUcontext current_context();

}  // namespace headroom

#endif
