#include "runtime/cli/run_plan.h"

#include <fmt/format.h>

#include <array>
#include <string_view>
#include <utility>

#include "planner/base/error.h"
#include "planner/base/plural.h"
#include "planner/cli/profiles.h"
#include "planner/plan/findings.h"
#include "planner/spec/names.h"
#include "planner/step/dump.h"
#include "runtime/backend.h"

namespace headroom::run {
namespace {

bool is_sgd(OptimizerKind kind) { return kind == OptimizerKind::sgd; }
bool is_adam(OptimizerKind kind) {
    return kind == OptimizerKind::adamw || kind == OptimizerKind::adamw8bit;
}
bool has_betas(OptimizerKind kind) { return is_adam(kind) || kind == OptimizerKind::lion; }

struct OptimizerOption {
    std::string_view option{};
    bool (*is_read_by)(OptimizerKind) = nullptr;
};
constexpr std::array kOptimizerOptions{
    OptimizerOption{"--beta1", has_betas}, OptimizerOption{"--beta2", has_betas},
    OptimizerOption{"--epsilon", is_adam}, OptimizerOption{"--momentum", is_sgd}};

/// An option that the plan's step would never read is a mistake about the plan.
void require_readers(const RunOptions& options, const PlanRequest& request) {
    const auto refuse = [&](std::string_view option, const std::string& why) {
        if (options.has(option)) throw InputError("", fmt::format("{}: {}", option, why));
    };
    const auto& train = request.train;
    for (const auto& [option, is_read_by] : kOptimizerOptions) {
        if (is_read_by(train.optimizer)) continue;
        refuse(option, fmt::format("the plan's optimizer {} has none", name(train.optimizer)));
    }
    if (train.compute != DType::f16) {
        const auto why = fmt::format("the plan computes in {}, the loss is scaled in {} alone",
                                     name(train.compute), name(DType::f16));
        for (const auto* option : {"--loss-scale", "--growth-interval"}) refuse(option, why);
    }
    if (!request.distill.is_on()) refuse("--init-teacher", "the plan has no teacher");
    if (request.adapter.kind == AdapterKind::none) {
        // Under an adapter, a checkpoint leaves the base out.
        if (options.has("--resume")) {
            refuse("--init", "the checkpoint of --resume holds all weights");
        }
        for (const auto* option : {"--init-adapter", "--save-adapter", "--merge"}) {
            refuse(option, "the plan has no adapter");
        }
    }
}

/// Before anything is trained: what the options ask for has to be there.
void check_options(const RunOptions& options, const PlanRequest& request) {
    if (options.device == "cuda" && !cuda_missing().empty()) {
        throw InputError("", fmt::format("--device cuda: {}", cuda_missing()));
    }
    const auto world = request.layout.world();
    if (options.rank >= world) {
        throw InputError("", fmt::format("--rank {}: the plan has {} rank{}, 0 to {}", options.rank,
                                         world, plural(world), world - 1));
    }
    require_readers(options, request);
}

}  // namespace

RunPlan prepare(const RunOptions& options) {
    const auto stored = cli::load_plan(options.plan, cli::load_library(options.common));
    auto plan = std::make_unique<const Plan>(predict(stored.request));
    check_options(options, plan->request);
    auto notes = cli::version_notes(stored, *plan);
    if (!notes.empty() && !options.anyway) {
        throw InputError(options.plan,
                         fmt::format("{}; plan it again, or run it with --anyway", notes.front()));
    }
    const std::int64_t stage = stage_of_rank(plan->request, options.rank);
    Lowering lowering = lower(plan->request, stage_of(plan->request, stage));
    std::string step = digest(lowering.graph);
    return {.plan = std::move(plan),
            .stage = stage,
            .lowering = std::move(lowering),
            .digest = std::move(step),
            .notes = std::move(notes)};
}

}  // namespace headroom::run
