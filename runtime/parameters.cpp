#include "runtime/parameters.h"

#include <algorithm>
#include <map>

#include "planner/step/op/optimizer.h"

namespace headroom {
namespace {

bool moves_whole(const Op& op) {
    const auto* collective = std::get_if<Collective>(&op);
    return std::holds_alternative<Transfer>(op) ||
           (collective != nullptr && collective->kind == CollectiveKind::all_gather);
}

/// Follows copies between storages to the one that stays.
class Keeper {
public:
    explicit Keeper(const StepGraph& graph) : graph_(graph) {
        for (const auto& node : graph.ops) {
            if (!moves_whole(node.op) || node.in_count == 0) continue;
            const TensorId from = graph.storage(graph.inputs(node)[0]);
            const TensorId to = graph.storage(graph.outputs(node)[0]);
            comes_from_.try_emplace(to, from);
            goes_to_.try_emplace(from, to);
        }
        // Weights that are brought in for every use: what the parameters themselves lie in is never
        // there.
        for (const auto& tensor : graph.tensors) {
            const TensorId parameter = tensor.parameter.copy_of;
            if (!parameter.valid()) continue;
            comes_from_.try_emplace(graph.storage(parameter), tensor.storage);
        }
    }

    [[nodiscard]] TensorId kept(TensorId id) const {
        TensorId at = graph_.storage(id);
        constexpr int kLongestWay = 8;  // NVMe, host, device, gather and back
        for (const auto* way : {&comes_from_, &goes_to_}) {
            TensorId here = at;
            for (int i = 0; i < kLongestWay && !graph_[here].persistent; ++i) {
                const auto next = way->find(here);
                if (next == way->end()) break;
                here = next->second;
            }
            if (graph_[here].persistent) return here;
        }
        return at;
    }

private:
    const StepGraph& graph_;
    std::map<TensorId, TensorId> comes_from_{};
    std::map<TensorId, TensorId> goes_to_{};
};

std::size_t states_of(const Update& op) { return optimizer_states(op.optimizer, 1, 1).size(); }

/// Kept weights -> kept master, of the updates that have one.
std::map<TensorId, TensorId> masters(const StepGraph& graph, const Keeper& keeper) {
    std::map<TensorId, TensorId> master_of;
    for (const auto& node : graph.ops) {
        const auto* update = std::get_if<Update>(&node.op);
        if (update == nullptr || node.out_count != 2 + states_of(*update)) continue;
        const auto out = graph.outputs(node);
        master_of[keeper.kept(out[0])] = keeper.kept(out[1]);
    }
    return master_of;
}

}  // namespace

TensorId parameter_of(const StepGraph& graph, TensorId weights) {
    const TensorId parameter = graph[weights].parameter.copy_of;
    return parameter.valid() ? parameter : weights;
}

std::vector<ParameterHome> parameter_homes(const StepGraph& graph) {
    const Keeper keeper(graph);
    const auto master_of = masters(graph, keeper);
    std::vector<ParameterHome> homes;
    for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
        const Tensor& tensor = graph.tensors[i];
        if (!tensor.parameter.is_parameter) continue;
        ParameterHome home{.parameter = TensorId{static_cast<std::int32_t>(i)}};
        home.weights = keeper.kept(home.parameter);
        home.first = tensor.offset.count() * 8 / bits(tensor.dtype);
        const std::int64_t there = numel(graph[home.weights].shape) - home.first;
        home.count = std::clamp(there, std::int64_t{0}, numel(tensor.shape));
        if (const auto found = master_of.find(home.weights); found != master_of.end()) {
            home.master = found->second;
        }
        homes.push_back(home);
    }
    return homes;
}

}  // namespace headroom
