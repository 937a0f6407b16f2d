#pragma once

#include <cstdint>
#include <string_view>

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
    void fields(const auto& visit) const {
        visit("to", to);
        visit("from", from);
        visit("role", role);
        visit("accumulation", accumulation);
    }
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
};

}  // namespace headroom
