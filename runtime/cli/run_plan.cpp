#include "runtime/cli/run_plan.h"

#include <fmt/format.h>

#include "planner/base/error.h"
#include "planner/cli/profiles.h"
#include "planner/plan/findings.h"
#include "planner/step/dump.h"

namespace headroom::run {

RunPlan prepare(const RunOptions& options) {
    const auto stored = cli::load_plan(options.plan, cli::load_library(options.common));
    auto plan = std::make_unique<const Plan>(predict(stored.request));
    const auto& layout = plan->request.layout;
    if (options.rank >= layout.world()) {
        throw InputError("", fmt::format("--rank {}: the plan has {} ranks, 0 to {}", options.rank,
                                         layout.world(), layout.world() - 1));
    }
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
