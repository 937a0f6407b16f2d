#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "runtime/cupti_counters.h"

namespace headroom {
namespace {

using namespace std::string_view_literals;

constexpr std::array kBf16{"sm__ops_path_tensor_src_bf16_dst_fp32.sum"sv, "dram__bytes_read.sum"sv,
                           "dram__bytes_write.sum"sv};
constexpr std::array kF16{"sm__ops_path_tensor_src_fp16_dst_fp32.sum"sv, "dram__bytes_read.sum"sv,
                          "dram__bytes_write.sum"sv};
// Hopper has no counter of all f16 products that are summed in f32, and the one of all f16 products
// takes two passes: those of warp groups (which only have one of all) and of warps are added.
constexpr std::array kF16Hopper{"sm__ops_path_tensor_op_hgmma_src_fp16.sum"sv,
                                "sm__ops_path_tensor_op_hmma_src_fp16_dst_fp32.sum"sv,
                                "dram__bytes_read.sum"sv, "dram__bytes_write.sum"sv};
constexpr std::array kTf32{"sm__ops_path_tensor_src_tf32_dst_fp32.sum"sv, "dram__bytes_read.sum"sv,
                           "dram__bytes_write.sum"sv};
constexpr std::array kF32{"smsp__sass_thread_inst_executed_op_fadd_pred_on.sum"sv,
                          "smsp__sass_thread_inst_executed_op_fmul_pred_on.sum"sv,
                          "smsp__sass_thread_inst_executed_op_ffma_pred_on.sum"sv};
// Tensor-core counters are in FLOPs; a fused multiply-add is one instruction and two FLOPs.
constexpr std::array kFirstOnly{1.0, 0.0, 0.0};
constexpr std::array kFirstTwo{1.0, 1.0, 0.0, 0.0};
constexpr std::array kInstructions{1.0, 1.0, 2.0};
constexpr std::array<CounterSet, 5> kSets{{{"bf16", kBf16, kFirstOnly},
                                           {"fp16", kF16, kFirstOnly},
                                           {"fp16", kF16Hopper, kFirstTwo},
                                           {"tf32", kTf32, kFirstOnly},
                                           {"f32", kF32, kInstructions}}};

}  // namespace

std::span<const CounterSet> counter_sets() { return kSets; }

const CounterSet* counter_set(std::string_view name) {
    const auto found = std::ranges::find(kSets, name, &CounterSet::name);
    return found == kSets.end() ? nullptr : &*found;
}

ChosenCounters counters_of(const std::string& chip, std::string_view name) {
    std::string missing;
    for (const auto& set : kSets) {
        if (set.name != name) continue;
        const PassesNeeded needed = passes_needed(chip, set.metrics);
        if (needed.passes == 1) return {.set = &set};
        if (!missing.empty()) missing += "; ";
        missing += needed.missing.empty()
                       ? fmt::format("{} takes {} passes", set.metrics.front(), needed.passes)
                       : fmt::format("{}: {}", set.metrics.front(), needed.missing);
    }
    if (missing.empty()) missing = "there are none";
    return {.missing = fmt::format("counters of {} on {}: {}", name, chip, missing)};
}

std::string counted_by(const CounterSet& set) {
    std::string metrics;
    for (std::size_t i = 0; i < set.metrics.size(); ++i) {
        if (set.weights[i] == 0.0) continue;
        metrics += fmt::format("{}{}", metrics.empty() ? "" : " + ", set.metrics[i]);
    }
    return metrics;
}

double flops_of(const CounterSet& set, const RangeValues& range) {
    double flops = 0.0;
    for (std::size_t i = 0; i < range.values.size(); ++i) flops += set.weights[i] * range.values[i];
    return flops;
}

}  // namespace headroom
