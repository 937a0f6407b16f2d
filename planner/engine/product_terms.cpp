#include "planner/engine/product_terms.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace headroom {
namespace {

/// Output tile of a matrix kernel and depth at which its pipeline is half filled.
constexpr double kTileRows = 128.0;
constexpr double kTileColumns = 128.0;
constexpr double kHalfDepth = 128.0;

/// Multiprocessors by architecture: vendors' data sheets.
double processors_of(const HardwareProfile& gpu) {
    struct Row {
        std::string_view chip;
        double count;
    };
    constexpr std::array kRows{Row{"GV100", 80.0},  Row{"GA100", 108.0}, Row{"GH100", 132.0},
                               Row{"GB100", 148.0}, Row{"GB110", 148.0}, Row{"AD102", 128.0},
                               Row{"GA102", 82.0},  Row{"GB202", 170.0}};
    for (const auto& row : kRows) {
        if (gpu.chip == row.chip) return row.count;
    }
    return 132.0;
}

/// Part of the device's multiprocessors that tiles fill, the last wave included.
double wave_fill(const ProductExtents& e, double processors) {
    const double tiles =
        e.count * std::ceil(e.rows / kTileRows) * std::ceil(e.columns / kTileColumns);
    const double exact = e.count * e.rows * e.columns / (kTileRows * kTileColumns);
    const double waves = std::ceil(tiles / processors);
    return std::max(exact / (waves * processors), 1e-3);
}

}  // namespace

bool ProductExtents::skinny() const { return std::min({rows, columns, depth}) < kTileRows; }

ProductExtents product_extents(const StepGraph& graph, const OpNode& node, double flops) {
    const TensorId out = graph.outputs(node)[0];
    const Shape& shape = graph[out].shape;
    ProductExtents e;
    const bool stacked = shape.rank() == 3;
    e.count = stacked ? static_cast<double>(shape[0]) : 1.0;
    e.rows = static_cast<double>(stacked ? shape[1] : shape[0]);
    e.columns = static_cast<double>(shape.back());
    if (std::holds_alternative<GroupedLinear>(node.op) ||
        std::holds_alternative<GroupedGradInput>(node.op)) {
        e.count = static_cast<double>(graph[graph.inputs(node)[1]].shape[0]);
        e.rows = std::max(e.rows / e.count, 1.0);
    }
    e.depth = flops / std::max(2.0 * e.count * e.rows * e.columns, 1.0);
    return e;
}

double shape_share(const ProductExtents& extents, const HardwareProfile& gpu) {
    return wave_fill(extents, processors_of(gpu)) * extents.depth / (extents.depth + kHalfDepth);
}

double sustained_share(const HardwareProfile& gpu, FlopRate peak, double joules) {
    constexpr double kCeiling = 0.95;
    constexpr double kUnknown = 0.8;
    if (gpu.tdp_watts <= 0.0 || peak.count() <= 0.0) return kUnknown;
    return kCeiling * (1.0 - std::exp(-gpu.tdp_watts / (peak.count() * joules)));
}

}  // namespace headroom
