#pragma once

#include <cstdint>
#include <vector>

#include "planner/step/step_graph.h"

namespace headroom {

/// Bytes of a storage. The column blocks of a split interleave in one range; `block` tells them
/// apart.
struct Extent {
    std::int64_t begin = 0;
    std::int64_t end = 0;
    std::int32_t block = -1;
};

/// Which bytes of its storage a value covers.
class Extents {
public:
    explicit Extents(const StepGraph& graph) : graph_(&graph), block_(graph.tensors.size(), -1) {}

    [[nodiscard]] Extent of(TensorId id) const;
    /// Whether two extents of one storage have a byte in common.
    [[nodiscard]] bool overlap(const Extent& a, const Extent& b) const;
    /// Whether two values have a byte in common.
    [[nodiscard]] bool share(TensorId a, TensorId b) const;

    /// `value` covers the bytes of `source`.
    void inherit(TensorId value, TensorId source);
    /// `value` is column block `column` of `source`; blocks of one `split` op are disjoint.
    void split(TensorId value, TensorId source, std::int32_t split, std::size_t column);

private:
    struct Block {
        Extent of{};  ///< the value that was split, a block itself perhaps
        std::int32_t split = 0;
        std::size_t column = 0;
    };
    [[nodiscard]] const Block& block(std::int32_t index) const {
        return blocks_[static_cast<std::size_t>(index)];
    }

    const StepGraph* graph_;
    std::vector<std::int32_t> block_;  ///< by tensor
    std::vector<Block> blocks_{};
};

}  // namespace headroom
