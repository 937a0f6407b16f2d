#pragma once

#include "planner/spec/plan_request.h"

namespace headroom {

enum class Offered : bool { no, yes };

/// What whoever runs a plan offers; a search looks nowhere else. Settings that a user pins stay.
struct Abilities {
    int zero = 3;  ///< highest stage
    Offered tensor = Offered::yes;
    Offered context = Offered::yes;
    Offered pipeline = Offered::yes;
    Offered expert = Offered::yes;
    Tier optimizer = Tier::nvme;   ///< furthest place of optimizer states
    Tier parameters = Tier::nvme;  ///< and of parameters
    Offered activation_offload = Offered::yes;
    bool operator==(const Abilities&) const = default;
};

}  // namespace headroom
