#include "planner/cli/report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

#include "planner/base/plural.h"
#include "planner/cli/output.h"
#include "planner/cli/table.h"
#include "planner/lower/parameter_count.h"
#include "planner/plan/comparison.h"
#include "planner/spec/knob.h"
#include "planner/spec/names.h"

namespace headroom::cli {
namespace {

std::string sentence(const Plan& plan, const Fits& fits) {
    const auto& predicted = plan.predicted;
    return fmt::format("fits{}: {} of {} GiB a GPU, {} GiB free",
                       fits.tight ? " as expected, but not at the high end of the band" : "",
                       gib(predicted.band.expected), gib(predicted.capacity), gib(fits.headroom));
}

std::string sentence(const Plan& plan, const Shortfall& shortfall) {
    const auto& predicted = plan.predicted;
    if (shortfall.where == "device") {
        return fmt::format("does not fit: {} of {} GiB a GPU, {} GiB short",
                           gib(predicted.band.expected), gib(predicted.capacity),
                           gib(shortfall.missing));
    }
    return fmt::format("does not fit: {} GiB short of {} memory a node", gib(shortfall.missing),
                       shortfall.where == "host" ? "host" : "NVMe");
}

std::string remedies_text(const Shortfall& shortfall) {
    if (shortfall.remedies.empty()) return "  No setting of this configuration alone helps.\n";
    return fmt::format("  What helps, cheapest first: {}\n", fmt::join(shortfall.remedies, ", "));
}

constexpr std::array<std::string_view, 3> kGoalWords{"pre-training", "full fine-tuning",
                                                     "fine-tuning of adapters"};

std::string model_line(const ModelSpec& model) {
    return fmt::format("{} ({}: {} parameters, {} layer{} of width {})", printable(model.name),
                       model.family, with_thousands(count_parameters(model).total()), model.layers,
                       plural(model.layers), model.hidden);
}

std::string prediction_line(const ModelSpec& model) {
    return fmt::format("without its {} layer{} of multi-token prediction ({} parameters)",
                       model.mtp_layers, plural(model.mtp_layers),
                       with_thousands(prediction_parameters(model)));
}

std::string hardware_line(const PlanRequest& request) {
    const auto& hardware = request.hardware;
    const auto& gpu = hardware.profile;
    return fmt::format("{} x {} ({} GiB each; node {}: {} GPU{}, {:.0f} GiB host memory)",
                       hardware.gpus, gpu.id, gib(gpu.memory_capacity), gpu.node.id, gpu.node.gpus,
                       plural(gpu.node.gpus), in_gib(gpu.node.host_ram));
}

std::int64_t sequences(const PlanRequest& request) {
    return request.train.micro_batch * request.train.accumulation * request.layout.data;
}

std::string run_line(const PlanRequest& request) {
    const auto& train = request.train;
    const auto batch = sequences(request);
    return fmt::format("{}; a step is {} sequence{} of {} = {} token{}",
                       kGoalWords[static_cast<std::size_t>(train.goal)], with_thousands(batch),
                       plural(batch), with_thousands(train.sequence),
                       with_thousands(batch * train.sequence), plural(batch * train.sequence));
}

/// Not every parameter learns when adapters do, or when some are pruned.
std::string trained_line(const Prediction& predicted) {
    if (predicted.pruned > 0) {
        return fmt::format("          prunes {} of {} parameters\n",
                           with_thousands(predicted.pruned), with_thousands(predicted.parameters));
    }
    if (predicted.trainable == predicted.parameters) return {};
    return fmt::format("          trains {} of {} parameters\n",
                       with_thousands(predicted.trainable), with_thousands(predicted.parameters));
}

/// Settings that the first lines of a report show already.
bool is_shown_elsewhere(std::string_view knob) {
    return knob == "goal" || knob == "sequence" || knob == "tokens";
}

/// Settings of a kind of recomputation that is not chosen.
bool is_idle(std::string_view knob, const PlanRequest& request) {
    const auto mode = request.recompute.mode;
    return (knob == "recompute_ops" && mode != RecomputeMode::selective) ||
           (knob == "recompute_every" && mode != RecomputeMode::every);
}

}  // namespace

std::string verdict_sentence(const Plan& plan) {
    return std::visit([&](const auto& each) { return sentence(plan, each); }, plan.verdict);
}

std::string verdict_text(const Plan& plan, const Style& style) {
    auto line = verdict_sentence(plan);
    line.front() = line.front() == 'f' ? 'F' : 'D';
    const auto* shortfall = std::get_if<Shortfall>(&plan.verdict);
    if (shortfall == nullptr) {
        const bool tight = std::get<Fits>(plan.verdict).tight;
        return (tight ? style.warning(line) : style.good(line)) + "\n";
    }
    return style.bad(line) + "\n" + remedies_text(*shortfall);
}

std::string subject_text(const PlanRequest& request, const Style& style) {
    Table table({Align::left, Align::left}, 0);
    table.add({style.heading("Model"), model_line(request.model)});
    if (request.model.mtp_layers > 0) table.add({"", prediction_line(request.model)});
    if (const auto& teacher = request.distill.teacher) {
        table.add({style.heading("Teacher"), model_line(*teacher)});
    }
    table.add({style.heading("Hardware"), hardware_line(request)});
    table.add({style.heading("Run"), run_line(request)});
    return table.text();
}

std::string settings_text(const PlanRequest& request, const Style& style) {
    const PlanRequest plain;
    Table table({Align::left, Align::left});
    for (const auto& knob : knobs()) {
        const auto value = knob.get(request);
        if (value == knob.get(plain) || is_shown_elsewhere(knob.name)) continue;
        if (is_idle(knob.name, request)) continue;
        table.add(
            {fmt::format("--pin {}={}", knob.name, to_string(value)), style.faint(knob.help)});
    }
    if (table.empty()) return style.heading("Configuration") + ": every setting at its default\n";
    return style.heading("Configuration") + " (settings that differ from their defaults)\n" +
           table.text();
}

std::string plan_text(const Plan& plan, const Style& style) {
    return subject_text(plan.request, style) + trained_line(plan.predicted) + "\n" +
           verdict_text(plan, style) + "\n" + settings_text(plan.request, style) + "\n" +
           memory_text(plan, style) + "\n" + cost_text(plan, style);
}

std::string settings_beside(const PlanRequest& request, const PlanRequest& base) {
    std::string out;
    const bool same_batch = sequences(request) == sequences(base);
    for (const auto& row : setting_differences(base, request)) {
        // With the batch given, accumulation follows from the rest.
        if (same_batch && row.setting == "accumulation") continue;
        if (is_idle(row.setting, request)) continue;
        out += fmt::format("{}{}={}", out.empty() ? "" : " ", row.setting, row.b);
    }
    return out;
}

}  // namespace headroom::cli
