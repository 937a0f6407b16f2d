#include "runtime/cupti_counters.h"

#include <fmt/format.h>

#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <utility>

#include "runtime/cupti_library.h"

namespace headroom {

#if defined(HEADROOM_HAVE_CUPTI)

namespace {

/// A parameter struct of CUPTI: its size first, the rest empty. `size` is the macro of its name.
template <class Parameters>
Parameters parameters(std::size_t size) {
    Parameters p{};
    p.structSize = size;
    return p;
}
#define HEADROOM_PARAMETERS(type) parameters<type>(type##_STRUCT_SIZE)

/// The half of the profiler that needs no GPU: metrics, and the image that says how to count them.
class Host {
public:
    Host(const Cupti& cupti, const std::string& chip, std::span<const std::string_view> metrics)
        : cupti_(cupti), names_(metrics.begin(), metrics.end()) {
        for (const auto& name : names_) texts_.push_back(name.c_str());
        auto p = HEADROOM_PARAMETERS(CUpti_Profiler_Host_Initialize_Params);
        p.profilerType = CUPTI_PROFILER_TYPE_RANGE_PROFILER;
        p.pChipName = chip.c_str();
        check(cupti, cupti.host_initialize(&p), "cuptiProfilerHostInitialize");
        object_ = p.pHostObject;
    }
    ~Host() {
        auto p = HEADROOM_PARAMETERS(CUpti_Profiler_Host_Deinitialize_Params);
        p.pHostObject = object_;
        cupti_.host_deinitialize(&p);
    }
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;

    void configure() {
        auto add = HEADROOM_PARAMETERS(CUpti_Profiler_Host_ConfigAddMetrics_Params);
        add.pHostObject = object_;
        add.ppMetricNames = texts_.data();
        add.numMetrics = texts_.size();
        check(cupti_, cupti_.add_metrics(&add), "cuptiProfilerHostConfigAddMetrics");
        auto size = HEADROOM_PARAMETERS(CUpti_Profiler_Host_GetConfigImageSize_Params);
        size.pHostObject = object_;
        check(cupti_, cupti_.image_size(&size), "cuptiProfilerHostGetConfigImageSize");
        image_.resize(size.configImageSize);
        auto get = HEADROOM_PARAMETERS(CUpti_Profiler_Host_GetConfigImage_Params);
        get.pHostObject = object_;
        get.configImageSize = image_.size();
        get.pConfigImage = image_.data();
        check(cupti_, cupti_.image(&get), "cuptiProfilerHostGetConfigImage");
    }
    [[nodiscard]] std::size_t passes() {
        auto p = HEADROOM_PARAMETERS(CUpti_Profiler_Host_GetNumOfPasses_Params);
        p.configImageSize = image_.size();
        p.pConfigImage = image_.data();
        check(cupti_, cupti_.passes(&p), "cuptiProfilerHostGetNumOfPasses");
        return p.numOfPasses;
    }
    [[nodiscard]] RangeValues values(const std::vector<std::uint8_t>& data, std::size_t index) {
        auto name = HEADROOM_PARAMETERS(CUpti_Profiler_Host_GetRangeName_Params);
        name.pCounterDataImage = data.data();
        name.counterDataImageSize = data.size();
        name.rangeIndex = index;
        name.delimiter = "/";
        check(cupti_, cupti_.range_name(&name), "cuptiProfilerHostGetRangeName");
        RangeValues out{.range = name.pRangeName, .values = std::vector<double>(texts_.size())};
        std::free(const_cast<char*>(name.pRangeName));  // CUPTI hands its memory over
        auto p = HEADROOM_PARAMETERS(CUpti_Profiler_Host_EvaluateToGpuValues_Params);
        p.pHostObject = object_;
        p.pCounterDataImage = data.data();
        p.counterDataImageSize = data.size();
        p.rangeIndex = index;
        p.ppMetricNames = texts_.data();
        p.numMetrics = texts_.size();
        p.pMetricValues = out.values.data();
        check(cupti_, cupti_.evaluate(&p), "cuptiProfilerHostEvaluateToGpuValues");
        return out;
    }
    [[nodiscard]] const std::vector<std::uint8_t>& image() const { return image_; }
    [[nodiscard]] std::vector<const char*>& texts() { return texts_; }

private:
    const Cupti& cupti_;
    std::vector<std::string> names_;
    std::vector<const char*> texts_{};
    std::vector<std::uint8_t> image_{};
    CUpti_Profiler_Host_Object* object_ = nullptr;
};

std::string chip_of(const Cupti& cupti, int device) {
    auto initialize = HEADROOM_PARAMETERS(CUpti_Profiler_Initialize_Params);
    check(cupti, cupti.initialize(&initialize), "cuptiProfilerInitialize");
    auto p = HEADROOM_PARAMETERS(CUpti_Device_GetChipName_Params);
    p.deviceIndex = static_cast<std::size_t>(device);
    check(cupti, cupti.chip_name(&p), "cuptiDeviceGetChipName");
    return p.pChipName;
}

}  // namespace

PassesNeeded passes_needed(const std::string& chip, std::span<const std::string_view> metrics) {
    Cupti cupti;
    if (auto missing = load(cupti); !missing.empty()) return {.missing = std::move(missing)};
    try {
        Host host(cupti, chip, metrics);
        host.configure();
        return {.passes = host.passes()};
    } catch (const CuptiFailure& failure) {
        return {.missing = failure.what()};
    }
}

struct RangeCounters::State {
    Cupti cupti{};
    std::unique_ptr<Host> host{};
    CUpti_RangeProfiler_Object* profiler = nullptr;
    std::size_t ranges = 0;
    std::vector<std::uint8_t> data{};

    ~State() {
        if (profiler == nullptr) return;
        auto p = HEADROOM_PARAMETERS(CUpti_RangeProfiler_Disable_Params);
        p.pRangeProfilerObject = profiler;
        cupti.disable(&p);
    }

    void enable(CUcontext context) {
        auto p = HEADROOM_PARAMETERS(CUpti_RangeProfiler_Enable_Params);
        p.ctx = context;
        check(cupti, cupti.enable(&p), "cuptiRangeProfilerEnable");
        profiler = p.pRangeProfilerObject;
    }
    /// An empty image of the values that the next start() collects.
    void clear() {
        auto size = HEADROOM_PARAMETERS(CUpti_RangeProfiler_GetCounterDataSize_Params);
        size.pRangeProfilerObject = profiler;
        size.pMetricNames = host->texts().data();
        size.numMetrics = host->texts().size();
        size.maxNumOfRanges = ranges;
        size.maxNumRangeTreeNodes = static_cast<std::uint32_t>(ranges);
        check(cupti, cupti.data_size(&size), "cuptiRangeProfilerGetCounterDataSize");
        data.assign(size.counterDataSize, 0);
        auto p = HEADROOM_PARAMETERS(CUpti_RangeProfiler_CounterDataImage_Initialize_Params);
        p.pRangeProfilerObject = profiler;
        p.counterDataSize = data.size();
        p.pCounterData = data.data();
        check(cupti, cupti.data_initialize(&p), "cuptiRangeProfilerCounterDataImageInitialize");
    }
    /// User ranges, each run once by the user: with one pass there is nothing to replay.
    void configure() {
        auto p = HEADROOM_PARAMETERS(CUpti_RangeProfiler_SetConfig_Params);
        p.pRangeProfilerObject = profiler;
        p.configSize = host->image().size();
        p.pConfig = host->image().data();
        p.counterDataImageSize = data.size();
        p.pCounterDataImage = data.data();
        p.range = CUPTI_UserRange;
        p.replayMode = CUPTI_UserReplay;
        p.maxRangesPerPass = ranges;
        p.numNestingLevels = 1;
        p.minNestingLevel = 1;
        p.passIndex = 0;
        p.targetNestingLevel = 1;
        check(cupti, cupti.set_config(&p), "cuptiRangeProfilerSetConfig");
    }
};

RangeCounters::RangeCounters(std::unique_ptr<State> state) : state_(std::move(state)) {}
RangeCounters::~RangeCounters() = default;

void RangeCounters::start() {
    state_->clear();
    state_->configure();
    auto p = HEADROOM_PARAMETERS(CUpti_RangeProfiler_Start_Params);
    p.pRangeProfilerObject = state_->profiler;
    check(state_->cupti, state_->cupti.start(&p), "cuptiRangeProfilerStart");
}

void RangeCounters::push(const std::string& range) {
    auto p = HEADROOM_PARAMETERS(CUpti_RangeProfiler_PushRange_Params);
    p.pRangeProfilerObject = state_->profiler;
    p.pRangeName = range.c_str();
    check(state_->cupti, state_->cupti.push(&p), "cuptiRangeProfilerPushRange");
}

void RangeCounters::pop() {
    auto p = HEADROOM_PARAMETERS(CUpti_RangeProfiler_PopRange_Params);
    p.pRangeProfilerObject = state_->profiler;
    check(state_->cupti, state_->cupti.pop(&p), "cuptiRangeProfilerPopRange");
}

std::vector<RangeValues> RangeCounters::stop() {
    State& s = *state_;
    auto stop = HEADROOM_PARAMETERS(CUpti_RangeProfiler_Stop_Params);
    stop.pRangeProfilerObject = s.profiler;
    check(s.cupti, s.cupti.stop(&stop), "cuptiRangeProfilerStop");
    auto decode = HEADROOM_PARAMETERS(CUpti_RangeProfiler_DecodeData_Params);
    decode.pRangeProfilerObject = s.profiler;
    check(s.cupti, s.cupti.decode(&decode), "cuptiRangeProfilerDecodeData");
    if (decode.numOfRangeDropped > 0) {
        throw CuptiFailure(fmt::format("{} ranges were dropped", decode.numOfRangeDropped));
    }
    auto info = HEADROOM_PARAMETERS(CUpti_RangeProfiler_GetCounterDataInfo_Params);
    info.pCounterDataImage = s.data.data();
    info.counterDataImageSize = s.data.size();
    check(s.cupti, s.cupti.data_info(&info), "cuptiRangeProfilerGetCounterDataInfo");
    std::vector<RangeValues> out;
    for (std::size_t i = 0; i < info.numTotalRanges; ++i) {
        out.push_back(s.host->values(s.data, i));
    }
    return out;
}

CountersOpened open_range_counters(int device, std::string_view set, std::size_t ranges) {
    ChosenCounters chosen;
    auto state = std::make_unique<RangeCounters::State>();
    if (auto missing = load(state->cupti); !missing.empty()) return {.missing = std::move(missing)};
    try {
        CUcontext context = current_context();
        state->ranges = ranges;
        const std::string chip = chip_of(state->cupti, device);
        chosen = counters_of(chip, set);
        if (chosen.set == nullptr) return {.missing = chosen.missing};
        state->host = std::make_unique<Host>(state->cupti, chip, chosen.set->metrics);
        state->host->configure();
        state->enable(context);
    } catch (const CuptiFailure& failure) {
        return {.missing = failure.what()};
    }
    return {.counters = std::make_unique<RangeCounters>(std::move(state)), .set = chosen.set};
}

#else

namespace {
constexpr auto kWithout = "this program was built without CUPTI";
}

PassesNeeded passes_needed(const std::string&, std::span<const std::string_view>) {
    return {.missing = kWithout};
}

struct RangeCounters::State {};
RangeCounters::RangeCounters(std::unique_ptr<State>) {}
RangeCounters::~RangeCounters() = default;
void RangeCounters::start() { throw std::runtime_error(kWithout); }
void RangeCounters::push(const std::string&) { throw std::runtime_error(kWithout); }
void RangeCounters::pop() { throw std::runtime_error(kWithout); }
std::vector<RangeValues> RangeCounters::stop() { throw std::runtime_error(kWithout); }

CountersOpened open_range_counters(int, std::string_view, std::size_t) {
    return {.missing = kWithout};
}

#endif

}  // namespace headroom
