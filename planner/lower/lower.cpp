#include "planner/lower/lower.h"

#include "planner/lower/forward_builder.h"
#include "planner/step/tape.h"
#include "planner/step/verify.h"
#include "planner/technique/activation_offload.h"
#include "planner/technique/adapter.h"
#include "planner/technique/context_parallel.h"
#include "planner/technique/expert_parallel.h"
#include "planner/technique/fake_quantization.h"
#include "planner/technique/recompute.h"
#include "planner/technique/sharding.h"
#include "planner/technique/states.h"
#include "planner/technique/tensor_parallel.h"
#include "planner/technique/update.h"
#include "planner/technique/weight_quantizer.h"

namespace headroom {
namespace {

void differentiate(Lowering& lowering) { Tape(lowering.graph).run(); }
bool always(const PlanRequest&) { return true; }

}  // namespace

const std::vector<Pass>& passes() {
    static const std::vector<Pass> kPasses{
        {"forward", always, emit_forward},
        {"adapter", [](const PlanRequest& r) { return r.adapter.kind != AdapterKind::none; },
         adapt},
        {"teacher_quantization",
         [](const PlanRequest& r) {
             return r.distill.is_on() && r.distill.weights == TeacherWeights::nf4;
         },
         quantize_teacher},
        {"fake_quantization", [](const PlanRequest& r) { return r.qat.is_on(); }, fake_quantize},
        {"tensor_parallel", [](const PlanRequest& r) { return r.layout.tensor > 1; },
         tensor_parallel},
        {"context_parallel", [](const PlanRequest& r) { return r.layout.context > 1; },
         context_parallel},
        {"expert_parallel", [](const PlanRequest& r) { return r.layout.expert > 1; },
         expert_parallel},
        {"states", always, make_states},
        {"tape", always, differentiate},
        {"recompute", always, recompute},
        {"activation_offload", [](const PlanRequest& r) { return r.offload.activations; },
         offload_activations},
        {"sharding", always, shard},
        {"update", always, emit_update},
    };
    return kPasses;
}

Stage stage_of(const PlanRequest& request, std::int64_t index) {
    const auto& layout = request.layout;
    const std::int64_t layers = request.model.layers;
    Stage stage{.has_embedding = index == 0, .has_head = index == layout.pipeline - 1};
    if (request.model.stack == Stack::encoder_decoder) return stage;
    const std::int64_t slots = layout.pipeline * layout.interleave;
    for (std::int64_t chunk = 0; chunk < layout.interleave; ++chunk) {
        const std::int64_t slot = chunk * layout.pipeline + index;
        stage.chunks.push_back({layers * slot / slots, layers * (slot + 1) / slots});
    }
    return stage;
}

Lowering lower(const PlanRequest& request, const Stage& stage, bool verify_passes) {
    Lowering lowering{.request = request, .stage = stage};
    lowering.graph.micro_steps = request.train.accumulation;
    for (const auto& pass : passes()) {
        if (!pass.applies(request)) continue;
        pass.run(lowering);
        if (verify_passes) verify(lowering.graph);
    }
    return lowering;
}

}  // namespace headroom
