#include "planner/technique/pruning.h"

#include <cmath>

#include "planner/technique/adapter.h"

namespace headroom {

bool is_pruned(const Tensor& parameter) {
    const auto& info = parameter.parameter;
    if (!info.is_parameter || !info.trainable || info.adapter) return false;
    // Experts' biases are matrices by their shape alone.
    if (info.unit == UnitKind::expert) return parameter.shape.rank() == 3;
    return is_adapter_target(parameter.label.part);
}

std::int64_t pruned_elements(const Shape& matrix, const PruneSpec& spec) {
    const std::int64_t matrices = matrix.rank() == 3 ? matrix[0] : 1;
    const std::int64_t size = numel(matrix) / matrices;
    if (spec.pattern == PrunePattern::two_of_four) {
        // Of a row's last weights, where they are no four, half are kept, rounded up.
        const std::int64_t columns = matrix.back();
        return matrices * (size / columns) * (columns / 4 * 2 + columns % 4 / 2);
    }
    return matrices *
           static_cast<std::int64_t>(std::llround(spec.sparsity * static_cast<double>(size)));
}

}  // namespace headroom
