#pragma once

#include "planner/base/units.h"
#include "planner/cost/topology.h"
#include "planner/step/op/collective.h"

namespace headroom {

/// How long a collective takes and the wire that sets the pace.
struct CollectiveTime {
    Seconds time{};
    Wire wire = Wire::nvlink;
    bool latency_bound = false;  ///< hops cost more than bytes
};

/// Alpha-beta time of a collective over a group whose ranks lie as `span` says. `whole` is the
/// larger of one rank's input and output. Blocks exchange through all their members' links at once
/// and chunks are pipelined through the levels (NCCL's rings), so the slowest level sets the pace;
/// hop latencies add. all_reduce takes the faster of ring and tree. The
/// other end of a send costs nothing: the send holds the wire for both.
CollectiveTime collective_time(const Span& span, CollectiveKind kind, Bytes whole);

}  // namespace headroom
