#include "planner/engine/step_program.h"

#include <algorithm>

#include "planner/engine/program_builder.h"
#include "planner/step/lifetime.h"

namespace headroom {
namespace {

std::int64_t change(const StepProgram& program, const ProgramEvent& event) {
    const std::int64_t size = round_up(program.buffers[event.buffer].size.count(), kAlignment);
    return event.kind == EventKind::allocate ? size : -size;
}

}  // namespace

bool gradients_appear(const PlanRequest& request, const Engine& engine) {
    if (engine.weight_gradient == WeightGradient::summed) return true;
    if (request.train.accumulation > 1 || request.layout.pipeline > 1) return false;
    if (gathers_units(request, engine)) return true;
    return engine.weight_gradient == WeightGradient::own && request.layout.zero < 2;
}

StepProgram step_program(const Lowering& lowering, const Engine& engine,
                         const EngineSettings& settings) {
    return ProgramBuilder(lowering, engine, settings).run();
}

Bytes StepProgram::kept() const {
    std::int64_t sum = 0;
    for (const auto& event : forward) sum += change(*this, event);
    return Bytes{sum};
}

Bytes peak_of(const StepProgram& program, double in_flight) {
    const double waiting = std::max(in_flight - 1.0, 0.0);
    auto live = static_cast<std::int64_t>(program.kept().real() * waiting);
    std::int64_t highest = live;
    for (const auto* list : {&program.forward, &program.backward}) {
        for (const auto& event : *list) {
            live += change(program, event);
            highest = std::max(highest, live);
        }
    }
    return Bytes{highest};
}

}  // namespace headroom
