#include "planner/step/op/transfer.h"

#include "planner/step/step_graph.h"

namespace headroom {

Outputs Transfer::outputs(const Specs& in) const {
    return {{.shape = in[0].shape, .dtype = in[0].dtype, .role = role}};
}
Work Transfer::work(const Specs&, const Specs&) const { return {}; }

}  // namespace headroom
