#include "runtime/training.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace headroom {
namespace {

std::vector<TensorId> inputs_named(const StepGraph& graph, std::string_view part) {
    std::vector<TensorId> found;
    for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
        if (graph.tensors[i].label.part == part) found.push_back({static_cast<std::int32_t>(i)});
    }
    return found;
}

/// A positions input counts along the sequence, learned tables that skip rows (opt: 2) included.
void write_positions(Executor& executor, const BatchSpec& batches) {
    for (const auto id : inputs_named(executor.graph(), "input.positions")) {
        const std::int64_t count = numel(executor.graph()[id].shape);
        std::vector<std::int32_t> positions(static_cast<std::size_t>(count));
        for (std::int64_t i = 0; i < count; ++i) {
            positions[static_cast<std::size_t>(i)] =
                static_cast<std::int32_t>(batches.first_position + i % batches.sequence);
        }
        executor.write(id, std::as_bytes(std::span(positions)));
    }
}

bool scales(const StepGraph& graph) {
    return std::ranges::any_of(graph.ops, [](const OpNode& node) {
        const auto* update = std::get_if<Update>(&node.op);
        return update != nullptr && update->loss_scaling;
    });
}

}  // namespace

double learning_rate(const Hyperparameters& hyper, std::int64_t step) {
    const auto at = static_cast<double>(step);
    const auto warmup = static_cast<double>(hyper.warmup);
    if (step < hyper.warmup) return hyper.learning_rate * (at + 1.0) / warmup;
    if (hyper.schedule == Schedule::constant || hyper.steps <= hyper.warmup) {
        return hyper.learning_rate;
    }
    const double part = std::min(1.0, (at - warmup) / (static_cast<double>(hyper.steps) - warmup));
    const double fall = 0.5 * (1.0 + std::cos(std::numbers::pi * part));
    return hyper.learning_rate * (hyper.final_fraction + (1.0 - hyper.final_fraction) * fall);
}

void LossScaler::after_step(bool overflowed) {
    if (overflowed) {
        scale *= backoff;
        good_steps = 0;
    } else if (++good_steps >= interval) {
        scale *= growth;
        good_steps = 0;
    }
}

Trainer::Trainer(Executor& executor, const TokenBatches& batches, const Hyperparameters& hyper,
                 std::uint32_t seed)
    : executor_(executor),
      batches_(batches),
      hyper_(hyper),
      seed_(seed),
      scales_loss_(scales(executor.graph())) {
    const StepGraph& graph = executor.graph();
    token_inputs_ = inputs_named(graph, "input.tokens");
    const auto decoder = inputs_named(graph, "input.decoder_tokens");
    token_inputs_.insert(token_inputs_.end(), decoder.begin(), decoder.end());
    if (const auto found = inputs_named(graph, "input.targets"); !found.empty()) {
        targets_ = found.front();
        tokens_ = numel(graph[targets_].shape);
    }
    if (const auto found = inputs_named(graph, "grad_norm.sums"); !found.empty()) {
        sums_ = found.front();
    }
    write_positions(executor, batches.spec());
}

void Trainer::feed(std::int64_t micro_step) {
    const auto count = static_cast<std::size_t>(batches_.spec().batch * batches_.spec().sequence);
    std::vector<std::int32_t> tokens(count);
    std::vector<std::int32_t> targets(count);
    batches_.fill(state_.step, micro_step, tokens, targets);
    for (const auto id : token_inputs_) executor_.write(id, std::as_bytes(std::span(tokens)));
    if (targets_.valid()) executor_.write(targets_, std::as_bytes(std::span(targets)));
}

StepScalars Trainer::scalars() const {
    const auto updates = static_cast<double>(state_.updates + 1);
    const double micro_steps = static_cast<double>(executor_.graph().micro_steps);
    const double scale = scales_loss_ ? state_.scaler.scale : 1.0;
    const double tokens = static_cast<double>(std::max<std::int64_t>(tokens_, 1)) * micro_steps;
    return {.learning_rate = static_cast<float>(learning_rate(hyper_, state_.step)),
            .beta1 = static_cast<float>(hyper_.beta1),
            .beta2 = static_cast<float>(hyper_.beta2),
            .epsilon = static_cast<float>(hyper_.epsilon),
            .weight_decay = static_cast<float>(hyper_.weight_decay),
            .momentum = static_cast<float>(hyper_.momentum),
            .correction1 = static_cast<float>(1.0 - std::pow(hyper_.beta1, updates)),
            .correction2 = static_cast<float>(1.0 - std::pow(hyper_.beta2, updates)),
            .clip = static_cast<float>(hyper_.clip),
            .loss_scale = static_cast<float>(scale),
            .gradient_scale = static_cast<float>(scale / tokens),
            .auxiliary_scale = static_cast<float>(scale / micro_steps),
            .seed = seed_,
            .step = static_cast<std::uint32_t>(state_.step)};
}

std::vector<float> Trainer::gradient_sums() {
    std::vector<float> sums(2, 0.0F);
    if (sums_.valid()) executor_.read(sums_, std::as_writable_bytes(std::span(sums)));
    return sums;
}

StepReport Trainer::step() {
    const std::int64_t micro_steps = executor_.graph().micro_steps;
    const StepScalars told = scalars();
    executor_.backend().mark(0);
    executor_.begin_step(told);
    for (std::int64_t i = 0; i < micro_steps; ++i) {
        feed(i);
        executor_.micro_step(i);
    }
    if (before_update_) before_update_();
    executor_.update();
    executor_.backend().mark(1);
    const StepScalars after = executor_.scalars();
    const auto sums = gradient_sums();
    StepReport report{
        .step = state_.step,
        .loss = after.loss_sum / (static_cast<double>(std::max<std::int64_t>(tokens_, 1)) *
                                  static_cast<double>(micro_steps)),
        .auxiliary = after.auxiliary_sum / static_cast<double>(micro_steps),
        .gradient_norm =
            std::sqrt(static_cast<double>(sums[0])) / static_cast<double>(told.loss_scale),
        .learning_rate = static_cast<double>(told.learning_rate),
        .loss_scale = static_cast<double>(told.loss_scale),
        .skipped = scales_loss_ && sums[1] > 0.0F,
        .time = executor_.backend().between(0, 1)};
    ++state_.step;
    if (!report.skipped) ++state_.updates;
    if (scales_loss_) state_.scaler.after_step(report.skipped);
    const bool broken = !std::isfinite(report.loss) || (!scales_loss_ && sums[1] > 0.0F) ||
                        (scales_loss_ && state_.scaler.scale < 1e-3);
    if (broken) {
        throw NotFinite(fmt::format(
            "step {}: the loss is {}, the gradient norm {}; a lower learning rate (now {}), more "
            "warm-up or fp32 would help",
            report.step, report.loss, report.gradient_norm, report.learning_rate));
    }
    return report;
}

}  // namespace headroom
