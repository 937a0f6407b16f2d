#pragma once

#include "planner/base/units.h"
#include "planner/spec/hardware_profile.h"
#include "planner/step/step_graph.h"

namespace headroom {

/// Rows, columns and depth of a product; `count` of them in one op.
struct ProductExtents {
    double rows = 0.0;
    double columns = 0.0;
    double depth = 0.0;
    double count = 1.0;

    /// A side smaller than a tile: such a product is bound by what it moves (low-rank adapters).
    [[nodiscard]] bool skinny() const;
};

/// Extents from the op's first output and its FLOPs.
ProductExtents product_extents(const StepGraph& graph, const OpNode& node, double flops);

/// Part of the device's rate that the shape allows: how full the last wave of output tiles is, and
/// how far the depth hides filling a tile's pipeline.
double shape_share(const ProductExtents& extents, const HardwareProfile& gpu);

/// Part of a rated matrix speed that the board's power sustains: a chip rated far above what its
/// power can feed throttles. 0.95 * (1 - exp(-x)), x being the watts a rated FLOP/s is given over
/// `joules` a FLOP; 0.8 where the power is not published.
double sustained_share(const HardwareProfile& gpu, FlopRate peak, double joules);

/// Board energy of a FLOP in sustained training, which puts published runs of A100 (400 W for 312
/// TFLOP/s), H100 (700 W, and 500 W for the same chip), B200 and GB200 within a tenth of their
/// measured speeds. It sets what is expected of a GPU before it is fitted.
inline constexpr double kJoulesPerFlop16 = 0.60e-12;
inline constexpr double kJoulesPerFlop8 = 0.32e-12;

}  // namespace headroom
