#include "runtime/cli/run_plan.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "planner/base/error.h"
#include "planner/base/plural.h"
#include "planner/cli/profiles.h"
#include "planner/plan/findings.h"
#include "planner/step/dump.h"
#include "runtime/backend.h"

namespace headroom::run {

namespace {

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
    if (request.adapter.kind != AdapterKind::none) return;
    const std::array asked{std::pair{"--init-adapter", !options.adapter.empty()},
                           std::pair{"--save-adapter", !options.save_adapter.empty()},
                           std::pair{"--merge", options.merge}};
    for (const auto& [option, is_given] : asked) {
        if (is_given) throw InputError("", fmt::format("{}: the plan has no adapter", option));
    }
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
