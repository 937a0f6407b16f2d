#include <functional>

#include "planner/search/search.h"

namespace headroom {
namespace {

/// One rung: what it turns on top of the rungs before. False: it changes nothing here.
struct RungRow {
    const char* name;
    std::function<bool(PlanRequest&)> apply;
    const char* skipped;  ///< why it changes nothing
};

bool zero_stage(PlanRequest& r, int stage) {
    r.layout.zero = stage;
    return r.layout.replicas() > 1;
}

/// The article's order for training.
const std::vector<RungRow>& training_rungs() {
    static const std::vector<RungRow> kRungs{
        {"fp32", [](auto&) { return true; }, ""},
        {"mixed precision",
         [](auto& r) {
             const bool has_bf16 = r.hardware.profile.peak.contains(DType::bf16);
             r.train.compute = r.train.gradient = has_bf16 ? DType::bf16 : DType::f16;
             r.train.master = true;
             return true;
         },
         ""},
        {"gradient checkpointing",
         [](auto& r) {
             r.recompute = {.mode = RecomputeMode::layer};
             return true;
         },
         ""},
        {"ZeRO stage 1", [](auto& r) { return zero_stage(r, 1); }, "one data-parallel rank"},
        {"ZeRO stage 2", [](auto& r) { return zero_stage(r, 2); }, "one data-parallel rank"},
        {"ZeRO stage 3", [](auto& r) { return zero_stage(r, 3); }, "one data-parallel rank"},
        {"offload to CPU",
         [](auto& r) {
             r.offload.optimizer = Tier::cpu;
             r.offload.activations = true;
             return r.train.optimizer == OptimizerKind::adamw;
         },
         "only AdamW has a CPU update"},
        {"offload to NVMe",
         [](auto& r) {
             r.offload.optimizer = r.offload.parameters = Tier::nvme;
             return has_drives(r.hardware.profile) && r.train.optimizer == OptimizerKind::adamw;
         },
         "the node has no NVMe"},
    };
    return kRungs;
}

const std::vector<RungRow>& adapting_rungs() {
    static const std::vector<RungRow> kRungs{
        {"full fine-tuning", [](auto&) { return true; }, ""},
        {"gradient checkpointing",
         [](auto& r) {
             r.recompute = {.mode = RecomputeMode::layer};
             return true;
         },
         ""},
        {"LoRA",
         [](auto& r) {
             r.adapter.kind = AdapterKind::lora;
             return true;
         },
         ""},
        {"QLoRA",
         [](auto& r) {
             r.adapter.kind = AdapterKind::qlora;
             return true;
         },
         ""},
    };
    return kRungs;
}

/// Data parallel only, nothing saved: where the ladder starts. The tokens of a step stay.
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
        if (!row.apply(next)) {
            Rung same = out.rungs.empty() ? Rung{.request = at} : out.rungs.back();
            same.name = row.name;
            same.note = row.skipped;
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
                  .fits = need.fits};
        for (auto before = out.rungs.rbegin(); before != out.rungs.rend(); ++before) {
            if (!before->note.empty()) continue;
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
