#pragma once

#include <cstdint>
#include <string_view>
#include <tuple>

#include "planner/spec/model_spec.h"
#include "planner/step/op/fields.h"

namespace headroom {

/// x copied to another tier (asynchronous, on the copy stream of its direction).
struct Transfer {
    static constexpr std::string_view name = "transfer";
    Place to = Place::host;
    Place from = Place::device;
    Role role = Role::activation;
    Accumulation accumulation = Accumulation::overwrite;  ///< gradients summed in host memory
    bool operator==(const Transfer&) const = default;
    static constexpr auto fields() {
        return std::tuple{Field{"to", &Transfer::to}, Field{"from", &Transfer::from},
                          Field{"role", &Transfer::role},
                          Field{"accumulation", &Transfer::accumulation}};
    }
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
};

}  // namespace headroom
