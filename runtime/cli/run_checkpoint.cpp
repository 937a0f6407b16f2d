#include "runtime/cli/run_checkpoint.h"

#include <fmt/format.h>

#include "planner/base/error.h"
#include "runtime/data/checkpoint.h"

namespace headroom::run {
namespace {

/// By tensor: whether an op writes into its storage.
std::vector<bool> written_storages(const StepGraph& graph) {
    std::vector<bool> written(graph.tensors.size(), false);
    for (const auto& node : graph.ops) {
        for (const auto id : graph.outputs(node)) {
            written[static_cast<std::size_t>(graph.storage(id).index)] = true;
        }
    }
    return written;
}

/// Gradients are written anew by every step.
bool is_state(const Tensor& tensor) {
    return tensor.role == Role::parameter || tensor.role == Role::master ||
           tensor.role == Role::optimizer;
}

/// Names are told apart by their place in the graph, which the digest vouches for.
CheckpointTensor described(const StepGraph& graph, TensorId id) {
    return {.name = fmt::format("{:05}.{}", id.index, to_string(graph[id].label)),
            .spec = graph[id]};
}

}  // namespace

Checkpoints::Checkpoints(const RunOptions& options, const RunPlan& run, Executor& executor)
    : options_(options), run_(run), executor_(executor) {
    const StepGraph& graph = run.lowering.graph;
    const auto written = written_storages(graph);
    for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
        const Tensor& tensor = graph.tensors[i];
        const TensorId id{static_cast<std::int32_t>(i)};
        if (!tensor.persistent || tensor.storage != id || !is_state(tensor)) continue;
        // Masks are states that no step changes; they follow from weights that it does change.
        const bool saved = written[i] || tensor.role == Role::optimizer;
        (saved ? saved_ : frozen_).push_back(id);
    }
}

std::span<const std::byte> Checkpoints::bytes_of(TensorId id) {
    bytes_.resize(static_cast<std::size_t>(bytes(run_.lowering.graph[id]).count()));
    executor_.read(id, bytes_);
    return bytes_;
}

const std::string& Checkpoints::frozen() {
    if (fingerprint_) return *fingerprint_;
    Fingerprint fingerprint;
    for (const auto id : frozen_) fingerprint.add(bytes_of(id));
    return fingerprint_.emplace(frozen_.empty() ? "" : fingerprint.text());
}

void Checkpoints::save(const std::string& tokens, const TrainerState& state) {
    std::vector<CheckpointTensor> tensors;
    for (const auto id : saved_) tensors.push_back(described(run_.lowering.graph, id));
    save_checkpoint(options_.checkpoint,
                    {.step = state.step,
                     .updates = state.updates,
                     .seed = options_.seed,
                     .loss_scale = state.scaler.scale,
                     .steps_since_overflow = state.scaler.good_steps,
                     .digest = run_.digest,
                     .tokens = tokens,
                     .frozen = frozen()},
                    tensors, [&](std::size_t index) { return bytes_of(saved_[index]); });
}

Resumed Checkpoints::load() {
    const StepGraph& graph = run_.lowering.graph;
    const Checkpoint checkpoint(options_.resume);
    const CheckpointState& saved = checkpoint.state();
    checkpoint.expect_digest(run_.digest);
    if (saved.seed != options_.seed) {
        throw InputError(options_.resume, fmt::format("was written by a run with seed {}, not {}",
                                                      saved.seed, options_.seed));
    }
    checkpoint.expect_frozen(frozen());
    for (const auto id : saved_) {
        const auto tensor = described(graph, id);
        bytes_.resize(static_cast<std::size_t>(bytes(tensor.spec).count()));
        checkpoint.read(tensor.name, tensor.spec, bytes_);
        executor_.write(id, bytes_);
    }
    Resumed resumed{.state = {.step = saved.step, .updates = saved.updates},
                    .tokens = saved.tokens};
    resumed.state.scaler.scale = saved.loss_scale;
    resumed.state.scaler.good_steps = saved.steps_since_overflow;
    return resumed;
}

}  // namespace headroom::run
