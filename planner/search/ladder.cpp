#include <functional>

#include "planner/search/neighbours.h"
#include "planner/search/search.h"

namespace headroom {
namespace {

/// One rung: what it turns on top of the rungs before. It answers why it changes nothing here;
/// null: it does.
struct RungRow {
    const char* name;
    std::function<const char*(PlanRequest&)> apply;
};

constexpr const char* kApplied = nullptr;

const char* full_precision(PlanRequest& r) {
    return r.hardware.profile.peak.contains(DType::f32) ? kApplied : "no fp32 matrix rate";
}

const char* mixed_precision(PlanRequest& r) {
    const auto& peak = r.hardware.profile.peak;
    const bool has_bf16 = peak.contains(DType::bf16);
    if (!has_bf16 && !peak.contains(DType::f16)) return "no 16-bit matrix rate";
    r.train.compute = r.train.gradient = has_bf16 ? DType::bf16 : DType::f16;
    r.train.master = true;
    return kApplied;
}

const char* checkpointing(PlanRequest& r) {
    r.recompute = {.mode = RecomputeMode::layer};
    return kApplied;
}

const char* zero_stage(PlanRequest& r, int stage) {
    r.layout.zero = stage;
    return r.layout.replicas() > 1 ? kApplied : "one data-parallel rank";
}

const char* offload_to_host(PlanRequest& r) {
    if (is_host(r.hardware.profile)) return "its memory is the host's own";
    if (r.train.optimizer != OptimizerKind::adamw) return "only AdamW has a CPU update";
    r.offload.optimizer = Tier::cpu;
    r.offload.activations = true;
    return kApplied;
}

const char* offload_to_drives(PlanRequest& r) {
    if (is_host(r.hardware.profile)) return "its memory is the host's own";
    if (!has_drives(r.hardware.profile)) return "the node has no NVMe";
    if (r.train.optimizer != OptimizerKind::adamw) return "only AdamW has a CPU update";
    r.offload.optimizer = r.offload.parameters = Tier::nvme;
    return kApplied;
}

const char* adapter(PlanRequest& r, AdapterKind kind) {
    if (kind == AdapterKind::qlora && r.qat.is_on()) return "matrices are rounded in training";
    if (r.prune.is_on()) return "matrices are pruned and trained";
    r.adapter.kind = kind;
    return kApplied;
}

/// The article's order for training.
const std::vector<RungRow>& training_rungs() {
    static const std::vector<RungRow> kRungs{
        {"fp32", full_precision},
        {"mixed precision", mixed_precision},
        {"gradient checkpointing", checkpointing},
        {"ZeRO stage 1", [](auto& r) { return zero_stage(r, 1); }},
        {"ZeRO stage 2", [](auto& r) { return zero_stage(r, 2); }},
        {"ZeRO stage 3", [](auto& r) { return zero_stage(r, 3); }},
        {"offload to CPU", offload_to_host},
        {"offload to NVMe", offload_to_drives},
    };
    return kRungs;
}

const std::vector<RungRow>& adapting_rungs() {
    static const std::vector<RungRow> kRungs{
        {"full fine-tuning", [](auto&) { return kApplied; }},
        {"gradient checkpointing", checkpointing},
        {"LoRA", [](auto& r) { return adapter(r, AdapterKind::lora); }},
        {"QLoRA", [](auto& r) { return adapter(r, AdapterKind::qlora); }},
    };
    return kRungs;
}

/// Data parallel only, nothing saved: where the ladder starts. Every rank takes one sequence a
/// step, so that rungs differ in nothing but their technique.
PlanRequest ground(const PlanRequest& request) {
    PlanRequest start = request;
    start.layout = {.data = request.hardware.gpus};
    start.train.micro_batch = 1;
    start.train.accumulation = 1;
    start.recompute = {};
    start.offload = {};
    start.adapter.kind = AdapterKind::none;
    if (request.train.goal != Goal::adapt) {
        start.train.compute = start.train.gradient = DType::f32;
    }
    return start;
}

}  // namespace

Ladder ladder(const PlanRequest& request) {
    Ladder out;
    PlanRequest at = ground(request);
    const bool adapts = request.train.goal == Goal::adapt;
    for (const auto& row : adapts ? adapting_rungs() : training_rungs()) {
        PlanRequest next = at;
        if (const char* skipped = row.apply(next)) {
            Rung same = out.rungs.empty() ? Rung{.request = at} : out.rungs.back();
            same.name = row.name;
            same.skipped = true;
            same.note = skipped;
            same.bought = Bytes{};
            same.paid = Seconds{};
            out.rungs.push_back(same);
            continue;
        }
        at = next;
        const Estimate need = estimate(at);
        Rung rung{.name = row.name,
                  .request = at,
                  .memory = need.device,
                  .step = need.step,
                  .fits = need.fits,
                  .note = node_shortage(need, at.hardware.profile.node)};
        for (auto before = out.rungs.rbegin(); before != out.rungs.rend(); ++before) {
            if (before->skipped) continue;
            rung.bought = before->memory - rung.memory;
            rung.paid = rung.step - before->step;
            break;
        }
        out.rungs.push_back(rung);
        if (rung.fits && !out.first_fit) out.first_fit = out.rungs.size() - 1;
    }
    return out;
}

}  // namespace headroom
