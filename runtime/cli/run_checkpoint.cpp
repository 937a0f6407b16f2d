#include "runtime/cli/run_checkpoint.h"

#include <fmt/format.h>

#include "planner/base/error.h"
#include "runtime/data/checkpoint.h"

namespace headroom::run {
namespace {

/// Storages that hold a run's state between steps. Gradients are written anew by every step.
std::vector<TensorId> state_tensors(const StepGraph& graph) {
    std::vector<TensorId> found;
    for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
        const Tensor& tensor = graph.tensors[i];
        const TensorId id{static_cast<std::int32_t>(i)};
        if (!tensor.persistent || tensor.storage != id) continue;
        if (tensor.role == Role::parameter || tensor.role == Role::master ||
            tensor.role == Role::optimizer) {
            found.push_back(id);
        }
    }
    return found;
}

/// Names are told apart by their place in the graph, which the digest vouches for.
std::string name_of(const StepGraph& graph, TensorId id) {
    return fmt::format("{:05}.{}", id.index, to_string(graph[id].label));
}

}  // namespace

void save_checkpoint(const std::filesystem::path& path, const RunOptions& options,
                     const RunPlan& run, const std::string& tokens, Executor& executor,
                     const TrainerState& state) {
    const StepGraph& graph = run.lowering.graph;
    std::vector<std::vector<std::byte>> copies;
    std::vector<CheckpointTensor> tensors;
    for (const auto id : state_tensors(graph)) {
        auto& copy = copies.emplace_back(static_cast<std::size_t>(bytes(graph[id]).count()));
        executor.read(id, copy);
        tensors.push_back({.name = name_of(graph, id), .spec = graph[id], .bytes = copy});
    }
    headroom::save_checkpoint(path,
                              {.step = state.step,
                               .updates = state.updates,
                               .seed = options.seed,
                               .loss_scale = state.scaler.scale,
                               .steps_since_overflow = state.scaler.good_steps,
                               .digest = run.digest,
                               .tokens = tokens},
                              tensors);
}

TrainerState load_checkpoint(const std::filesystem::path& path, const RunOptions& options,
                             const RunPlan& run, Executor& executor) {
    const StepGraph& graph = run.lowering.graph;
    const Checkpoint checkpoint(path);
    checkpoint.expect_digest(run.digest);
    if (checkpoint.state().seed != options.seed) {
        throw InputError(path.string(), fmt::format("was written by a run with seed {}, not {}",
                                                    checkpoint.state().seed, options.seed));
    }
    for (const auto id : state_tensors(graph)) {
        std::vector<std::byte> data(static_cast<std::size_t>(bytes(graph[id]).count()));
        checkpoint.read(name_of(graph, id), graph[id], data);
        executor.write(id, data);
    }
    TrainerState state{.step = checkpoint.state().step, .updates = checkpoint.state().updates};
    state.scaler.scale = checkpoint.state().loss_scale;
    state.scaler.good_steps = checkpoint.state().steps_since_overflow;
    return state;
}

}  // namespace headroom::run
