#include "planner/plan/findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "planner/base/error.h"
#include "planner/base/json.h"
#include "planner/base/plural.h"
#include "planner/cost/op_time.h"
#include "planner/lower/lower.h"
#include "planner/plan/estimate.h"
#include "planner/step/dump.h"

namespace headroom {
namespace {

constexpr double kProcessTolerance = 0.01;  // and kProcessSlack, whichever is more
constexpr double kCounterTolerance = 0.01;
constexpr Bytes kProcessSlack = mebibytes(64);
constexpr std::string_view kInstructionCounters = "smsp__sass";  ///< not of tensor cores alone

/// What the cost model expects of one step of a rank.
struct Expected {
    std::map<std::string, Flops> matrix{};  ///< by phase
    std::map<std::string, Seconds> time{};  ///< by phase
    OpTimes ops{};
};

double runs(const StepGraph& graph, const OpNode& node) {
    if (node.phase == Phase::update || node.when != When::every) return 1.0;
    return static_cast<double>(graph.micro_steps);
}

Expected expected(const StepGraph& graph, const TimeModel& model) {
    Expected out;
    for (const auto& node : graph.ops) {
        const Work done = work(graph, node);
        const double times = runs(graph, node);
        const std::string phase(name(node.phase));
        const OpTime alone = model.time(graph, node, done);
        out.matrix[phase] += times * done.matrix;
        out.ops[{phase, std::string(name(node.op))}] += times * alone.time;
        if (alone.stream == Stream::compute) out.time[phase] += times * alone.time;
    }
    return out;
}

/// Rows whose numbers must be the same.
Finding exact(std::string group, std::string part, NumberUnit unit, double predicted,
              double measured, std::string reason) {
    Finding row{.group = std::move(group),
                .part = std::move(part),
                .unit = unit,
                .predicted = predicted,
                .measured = measured,
                .reason = std::move(reason)};
    row.agreement = predicted == measured ? Agreement::equal : Agreement::outside;
    if (row.agreement == Agreement::equal) row.reason.clear();
    return row;
}

/// `communicators`: of the predicted communication buffers, those that a library would open for its
/// own use, which are no tensors.
void add_memory(std::vector<Finding>& rows, const RankMemory& rank, Bytes communicators,
                const Measurement& measured) {
    RoleBytes tensors = rank.device.by_role;
    tensors[static_cast<std::size_t>(Role::communication)] -= communicators;
    for (std::size_t i = 0; i < kRoles; ++i) {
        const double predicted = tensors[i].real();
        const double found = measured.device_memory.by_role[i].real();
        if (predicted == 0.0 && found == 0.0) continue;
        rows.push_back(exact("memory", std::string(kRoleNames[i]), NumberUnit::bytes, predicted,
                             found, "the executor counted other readers than the planner"));
    }
    Bytes planned{};
    for (const auto bytes : tensors) planned += bytes;
    rows.push_back(exact("memory", "tensors at the peak", NumberUnit::bytes, planned.real(),
                         measured.device_memory.total.real(), "see the rows above"));
    if (communicators > Bytes{}) {
        rows.push_back({.group = "memory",
                        .part = "communicators",
                        .unit = NumberUnit::bytes,
                        .predicted = communicators.real(),
                        .reason = "not measured: one rank ran, its collectives looped back"});
    }
    if (measured.device_memory.block == Bytes{}) return;
    rows.push_back(exact("memory", "arena block in use", NumberUnit::bytes,
                         measured.device_memory.block.real(), measured.device_memory.top.real(),
                         "offsets leave the end of the block unused"));
}

/// What the process takes beside its tensors, as the driver (CPU: the kernel) counts.
void add_process(std::vector<Finding>& rows, const Plan& plan, const RankMemory& rank,
                 const Measurement& measured) {
    if (measured.stages.empty() || measured.stages.back().process == Bytes{}) return;
    const bool cpu = measured.backend == "cpu";
    Finding row{.group = "memory",
                .part = "process",
                .unit = NumberUnit::bytes,
                .predicted = (rank.device.total() + (cpu ? rank.host : Bytes{})).real(),
                .measured = measured.stages.back().process.real()};
    const bool same_kind = cpu == (plan.request.hardware.profile.vendor == kCpuVendor);
    const double slack = std::max(kProcessSlack.real(), kProcessTolerance * row.predicted);
    if (!same_kind) {
        row.reason = "the plan is for another kind of device";
    } else if (cpu) {
        row.reason =
            "resident pages: what weights were read from and the matrix library's own "
            "buffers count too";
    } else {
        const bool near = std::abs(row.difference()) <= slack;
        row.agreement = near ? Agreement::within : Agreement::outside;
        row.reason = "within 1 % or 64 MiB: context and code differ from driver to driver";
    }
    rows.push_back(row);
}

/// What the tiles that were launched execute, beside what the GPU counted.
void add_counters(std::vector<Finding>& rows, const Measurement& measured, double matrix) {
    if (measured.counter_flops == Flops{}) return;
    double executed = matrix;
    for (const auto& phase : measured.phases) executed += phase.padding.count();
    Finding row{.group = "FLOPs",
                .part = "by the GPU's counters",
                .unit = NumberUnit::flops,
                .predicted = executed,
                .measured = measured.counter_flops.count(),
                .reason = fmt::format("within 1 %: {:.1f} % are of tiles beyond the matrices",
                                      100.0 * (executed / matrix - 1.0))};
    if (measured.counter_method.find(kInstructionCounters) != std::string::npos) {
        row.reason = "the counters see every f32 instruction, those of other kernels too";
    } else {
        const bool near = std::abs(row.difference()) <= kCounterTolerance * row.predicted;
        row.agreement = near ? Agreement::within : Agreement::outside;
    }
    rows.push_back(row);
}

void add_flops(std::vector<Finding>& rows, const Expected& expected, const Measurement& measured) {
    double predicted_all = 0.0;
    double measured_all = 0.0;
    for (const auto& phase : measured.phases) {
        const auto found = expected.matrix.find(phase.phase);
        const double predicted = found == expected.matrix.end() ? 0.0 : found->second.count();
        predicted_all += predicted;
        measured_all += phase.matrix.count();
        if (predicted == 0.0 && phase.matrix.count() == 0.0) continue;
        rows.push_back(exact("FLOPs", phase.phase, NumberUnit::flops, predicted,
                             phase.matrix.count(), "a kernel's loops differ from its op"));
    }
    if (measured.phases.empty()) return;
    rows.push_back(exact("FLOPs", "matrix work of a step", NumberUnit::flops, predicted_all,
                         measured_all, "see the rows above"));
    add_counters(rows, measured, measured_all);
}

/// What follows from a step's time: tokens a second and the shares of the peak that were reached.
void add_rates(std::vector<Finding>& rows, const CostBreakdown& cost, Seconds measured) {
    const double ratio = cost.step / measured;
    struct Rate {
        const char* part;
        NumberUnit unit;
        double predicted;
    };
    for (const auto& [part, unit, predicted] :
         {Rate{"tokens a second", NumberUnit::rate, cost.tokens_per_second},
          Rate{"MFU", NumberUnit::fraction, cost.mfu},
          Rate{"HFU", NumberUnit::fraction, cost.hfu}}) {
        rows.push_back({.group = "time",
                        .part = part,
                        .unit = unit,
                        .predicted = predicted,
                        .measured = predicted * ratio});
    }
}

void add_time(std::vector<Finding>& rows, const Plan& plan, const Expected& expected,
              const Measurement& measured) {
    const auto& cost = plan.predicted.cost;
    const bool cpu = measured.backend == "cpu";
    const bool same_kind = cpu == (plan.request.hardware.profile.vendor == kCpuVendor);
    Finding step{.group = "time",
                 .part = "step",
                 .unit = NumberUnit::seconds,
                 .predicted = cost.step.count(),
                 .measured = measured.step.count()};
    if (!same_kind) {
        step.reason = "the plan is for another kind of device";
    } else if (measured.ranks > 1) {
        step.reason = "one rank ran alone: communication and waiting were not measured";
    } else {
        const bool inside = measured.step >= cost.step_low && measured.step <= cost.step_high;
        step.agreement = inside ? Agreement::within : Agreement::outside;
        step.reason =
            fmt::format("band {} to {}", to_string(cost.step_low), to_string(cost.step_high));
    }
    rows.push_back(step);
    if (same_kind && measured.ranks == 1 && measured.step > Seconds{}) {
        add_rates(rows, cost, measured.step);
    }
    for (const auto& phase : measured.phases) {
        const auto found = expected.time.find(phase.phase);
        rows.push_back({.group = "time",
                        .part = phase.phase,
                        .unit = NumberUnit::seconds,
                        .predicted = found == expected.time.end() ? 0.0 : found->second.count(),
                        .measured = phase.time.count(),
                        .reason = "sum over ops, watched one by one"});
    }
    std::vector<MeasuredOp> slowest = measured.ops;
    std::ranges::sort(slowest, std::ranges::greater{}, &MeasuredOp::time);
    constexpr std::size_t kShown = 12;
    for (std::size_t i = 0; i < std::min(kShown, slowest.size()); ++i) {
        const auto& op = slowest[i];
        const auto found = expected.ops.find({op.phase, op.op});
        rows.push_back(
            {.group = "time by op",
             .part = fmt::format("{} ({}, {} time{})", op.op, op.phase, op.count, plural(op.count)),
             .unit = NumberUnit::seconds,
             .predicted = found == expected.ops.end() ? 0.0 : found->second.count(),
             .measured = op.time.count()});
    }
}

/// Of the rank that was measured; throws InputError where the plan has no such rank.
std::int64_t measured_stage(const Plan& plan, const Measurement& measurement) {
    const std::int64_t world = plan.request.layout.world();
    if (measurement.ranks != world) {
        throw InputError("/ranks", fmt::format("is {}, the plan has {}", measurement.ranks, world));
    }
    if (measurement.rank >= world) {
        throw InputError("/rank", fmt::format("is {}, must be an integer from 0 to {}",
                                              measurement.rank, world - 1));
    }
    return stage_of_rank(plan.request, measurement.rank);
}

}  // namespace

std::int64_t stage_of_rank(const PlanRequest& request, std::int64_t rank) {
    return rank / (request.layout.world() / request.layout.pipeline);
}

Lowering measured_step(const Plan& plan, const Measurement& measurement) {
    const std::int64_t stage = measured_stage(plan, measurement);
    Lowering lowering = lower(plan.request, stage_of(plan.request, stage), false);
    if (digest(lowering.graph) != measurement.digest) {
        throw InputError("/digest", fmt::format("the measurement is of step {}, the plan's is {}",
                                                measurement.digest, digest(lowering.graph)));
    }
    return lowering;
}

OpTimes expected_op_times(const Plan& plan, const Measurement& measurement) {
    const TimeModel model(plan.request.hardware.profile, plan.request.layout);
    return expected(measured_step(plan, measurement).graph, model).ops;
}

std::vector<Finding> findings(const Plan& plan, const Measurement& measurement) {
    const std::int64_t stage = measured_stage(plan, measurement);
    const Lowering lowering = measured_step(plan, measurement);
    const auto same_stage = [&](const RankMemory& rank) { return rank.stage == stage; };
    const auto rank = std::ranges::find_if(plan.predicted.stages, same_stage);
    if (rank == plan.predicted.stages.end()) {
        throw InternalError(fmt::format("stage {} has no prediction", stage));
    }
    const TimeModel model(plan.request.hardware.profile, plan.request.layout);
    const Expected step = expected(lowering.graph, model);
    std::vector<Finding> rows;
    add_memory(rows, *rank, outside_memory(plan.request).communicators, measurement);
    add_process(rows, plan, *rank, measurement);
    add_flops(rows, step, measurement);
    add_time(rows, plan, step, measurement);
    return rows;
}

bool any_outside(const std::vector<Finding>& rows) {
    return std::ranges::any_of(
        rows, [](const Finding& row) { return row.agreement == Agreement::outside; });
}

Json to_json(const std::vector<Finding>& rows) {
    constexpr std::array<const char*, 4> kWords{"equal", "within", "outside", "informative"};
    Json out = Json::array();
    for (const auto& row : rows) {
        out.push_back({{"group", row.group},
                       {"part", row.part},
                       {"unit", name(row.unit)},
                       {"predicted", row.predicted},
                       {"measured", row.measured},
                       {"difference", row.difference()},
                       {"agreement", kWords[static_cast<std::size_t>(row.agreement)]},
                       {"reason", row.reason}});
    }
    return out;
}

}  // namespace headroom
