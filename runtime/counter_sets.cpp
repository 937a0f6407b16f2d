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
constexpr std::array kTf32{"sm__ops_path_tensor_src_tf32_dst_fp32.sum"sv, "dram__bytes_read.sum"sv,
                           "dram__bytes_write.sum"sv};
constexpr std::array kF32{"smsp__sass_thread_inst_executed_op_fadd_pred_on.sum"sv,
                          "smsp__sass_thread_inst_executed_op_fmul_pred_on.sum"sv,
                          "smsp__sass_thread_inst_executed_op_ffma_pred_on.sum"sv};
// Tensor-core counters are in FLOPs; a fused multiply-add is one instruction and two FLOPs.
constexpr std::array kFirstOnly{1.0, 0.0, 0.0};
constexpr std::array kInstructions{1.0, 1.0, 2.0};
constexpr std::array<CounterSet, 4> kSets{{{"bf16", kBf16, kFirstOnly},
                                           {"fp16", kF16, kFirstOnly},
                                           {"tf32", kTf32, kFirstOnly},
                                           {"f32", kF32, kInstructions}}};

}  // namespace

std::span<const CounterSet> counter_sets() { return kSets; }

const CounterSet* counter_set(std::string_view name) {
    const auto found = std::ranges::find(kSets, name, &CounterSet::name);
    return found == kSets.end() ? nullptr : &*found;
}

double flops_of(const CounterSet& set, const RangeValues& range) {
    double flops = 0.0;
    for (std::size_t i = 0; i < range.values.size(); ++i) flops += set.weights[i] * range.values[i];
    return flops;
}

}  // namespace headroom
