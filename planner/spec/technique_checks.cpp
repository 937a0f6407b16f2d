#include <fmt/ranges.h>

#include <algorithm>

#include "planner/base/json.h"
#include "planner/spec/adapter_targets.h"
#include "planner/spec/names.h"
#include "planner/spec/request_checks.h"

namespace headroom {

void check_zero(const RequestCheck& check) {
    const auto& layout = check.request.layout;
    check.require(layout.zero > 0 || layout.shard == 0, "shard",
                  "is {}, but zero is 0: nothing is sharded", layout.shard);
    check.require(layout.shard == 0 || layout.replicas() % layout.shard == 0, "shard",
                  "{} does not divide data {} x context {}", layout.shard, layout.data,
                  layout.context);
    check.require(layout.zero < 2 || layout.pipeline == 1, "zero",
                  "is {}, but gradients and parameters cannot be sharded while several "
                  "micro-batches of pipeline {} are in flight; use zero 1",
                  layout.zero, layout.pipeline);
}

void check_recompute(const RequestCheck& check) {
    const auto& recompute = check.request.recompute;
    check.require(recompute.mode != RecomputeMode::selective || recompute.ops.norm ||
                      recompute.ops.activation || recompute.ops.attention,
                  "recompute_ops", "is empty, mode selective needs at least one of {}",
                  fmt::join(knob("recompute_ops").choices, ", "));
}

namespace {

/// A processor's memory is the host's: there is no other to offload to.
void check_other_memory(const RequestCheck& check) {
    const auto& gpu = check.request.hardware.profile;
    if (!is_host(gpu)) return;
    const auto& offload = check.request.offload;
    const auto stays = [&](bool holds, std::string_view setting, std::string_view value) {
        check.require(holds, setting, "is {}, but the memory of \"{}\" is the host's own", value,
                      gpu.id);
    };
    stays(offload.optimizer == Tier::device, "offload_optimizer", name(offload.optimizer));
    stays(offload.parameters == Tier::device, "offload_parameters", name(offload.parameters));
    stays(!offload.activations, "offload_activations", "true");
}

}  // namespace

void check_offload(const RequestCheck& check) {
    check_other_memory(check);
    const auto& offload = check.request.offload;
    const auto& layout = check.request.layout;
    const auto optimizer = check.request.train.optimizer;
    // An update on the host is the fused CPU Adam; nobody ships the other rules for it.
    check.require(offload.optimizer == Tier::device || optimizer == OptimizerKind::adamw,
                  "offload_optimizer",
                  "is {}, but the update on the host exists for adamw only, not for {}",
                  name(offload.optimizer), name(optimizer));
    check.require(
        offload.parameters == Tier::device || layout.zero == 3 || layout.world() == 1,
        "offload_parameters",
        "is {}, but with zero {} all {} ranks hold every parameter; use zero 3 or one GPU",
        name(offload.parameters), layout.zero, layout.world());
}

void check_qat(const RequestCheck& check) {
    const auto& qat = check.request.qat;
    if (!qat.is_on()) return;
    const auto kind = check.request.adapter.kind;
    check.require(
        kind == AdapterKind::none || kind == AdapterKind::lora, "adapter",
        "is {}, but matrices that are rounded in training (qat) are those of a full model "
        "or under lora",
        name(kind));
    // A token's least and greatest number would lie on several ranks.
    const auto tensor = check.request.layout.tensor;
    check.require(qat.activations == QatType::none || tensor == 1, "qat_activations",
                  "is {}, but tensor is {}: a token's scale is of its whole row",
                  name(qat.activations), tensor);
}

void check_pruning(const RequestCheck& check) {
    const auto& prune = check.request.prune;
    if (!prune.is_on()) return;
    const auto kind = check.request.adapter.kind;
    check.require(
        kind == AdapterKind::none, "adapter",
        "is {}, but what is pruned is trained, and adapters leave their matrices as they are",
        name(kind));
    check.require(prune.sparsity > 0.0, "prune_sparsity", "is 0, so nothing would be pruned");
    check.require(prune.pattern != PrunePattern::two_of_four || prune.sparsity == 0.5,
                  "prune_sparsity", "is {}, but the pattern 2:4 leaves two of every four",
                  prune.sparsity);
}

void check_adapter(const RequestCheck& check) {
    const auto& adapter = check.request.adapter;
    if (adapter.kind == AdapterKind::none) return;
    const auto known = adapter_targets(check.request.model);
    for (const auto& target : adapter.targets) {
        check.require(std::ranges::find(known, target) != known.end(), "lora_targets",
                      "{} matches no layer of \"{}\"; it has {}", quoted(Json(target)),
                      check.request.model.name, fmt::join(known, ", "));
    }
}

}  // namespace headroom
