#pragma once

#include <cstdint>
#include <vector>

#include "planner/step/extents.h"
#include "planner/step/step_graph.h"

namespace headroom {

/// Whether an op runs beside the compute stream until a Wait ends it.
bool is_async(const Op& op);

/// The async ops that no Wait has ended yet.
class InFlight {
public:
    InFlight(const StepGraph& graph, const Extents& extents);

    void launch(std::int32_t op);
    /// Ends the async ops of whose operands `op` reads one, and those whose outputs these read.
    /// An operand that nothing keeps alive until here breaks a promise.
    void wait(std::int32_t op);

    [[nodiscard]] bool touches(TensorId id) const {
        return operands_[static_cast<std::size_t>(graph_->storage(id).index)] > 0;
    }
    /// The op that is writing this value; -1: none.
    [[nodiscard]] std::int32_t writer(TensorId id) const;
    /// The op that is using these bytes, so that `writer` may not write them; -1: none. An async
    /// op queues behind its own kind.
    [[nodiscard]] std::int32_t user(TensorId id, const Op& writer) const;
    /// The oldest; -1: none.
    [[nodiscard]] std::int32_t oldest() const { return ops_.empty() ? -1 : ops_.front(); }

private:
    [[nodiscard]] const OpNode& node(std::int32_t op) const {
        return graph_->ops[static_cast<std::size_t>(op)];
    }
    [[nodiscard]] bool reads(std::int32_t op, TensorId id) const;
    [[nodiscard]] bool writes(std::int32_t op, TensorId id) const;
    void complete(std::size_t index, std::int32_t wait);
    void release(std::int32_t op, TensorId id, std::int32_t wait);

    const StepGraph* graph_;
    const Extents* extents_;
    std::vector<std::int32_t> operands_;  ///< of ops in flight, by storage
    std::vector<std::int32_t> last_use_;  ///< by storage
    std::vector<std::int32_t> ops_{};
};

}  // namespace headroom
