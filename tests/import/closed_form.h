#pragma once

#include <cstdint>

#include "planner/spec/model_spec.h"

namespace headroom::oracle {

/// Trained parameters of a model by the families' published closed formulas. Written from those
/// formulas alone: nothing of the lowering is used, so that the two can disagree.
std::int64_t closed_form_parameters(const ModelSpec& spec);

/// Those that one token passes: all but the routed experts it is not sent to.
std::int64_t closed_form_active_parameters(const ModelSpec& spec);

}  // namespace headroom::oracle
