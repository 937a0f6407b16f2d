#pragma once

#include "planner/technique/insertions.h"
#include "planner/technique/lowering.h"

namespace headroom {

/// Whether a unit's weights are brought in for each use (ZeRO 3, or parameters kept off the
/// device).
bool fetches_weights(const PlanRequest& request, const StateUnit& unit);

/// Makes the weights of such units transient: keeps a shard (or a host or NVMe copy) and puts the
/// gathers and transfers in. Positions in `insertions` are those of the present op list.
void fetch_weights(Lowering& lowering, Insertions& insertions);

}  // namespace headroom
