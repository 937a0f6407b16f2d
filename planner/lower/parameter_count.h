#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "planner/spec/model_spec.h"

namespace headroom {

/// Parameters of one kind of module over all layers ("attn.q_proj.weight").
struct ParameterPart {
    std::string part{};
    std::int64_t count = 0;   ///< over all layers
    std::int64_t layers = 0;  ///< tensors of this part
    std::string shape{};      ///< of the first one
};

/// Exact parameter count of a model, from the tensors that its lowered forward pass declares.
struct ParameterCount {
    std::vector<ParameterPart> parts{};  ///< in order of appearance
    std::int64_t language = 0;           ///< the language model's
    std::int64_t extra = 0;              ///< held but not lowered (a vision tower)
    std::int64_t embedding = 0;          ///< token table
    std::int64_t head = 0;               ///< untied output matrix
    std::int64_t expert = 0;             ///< routed experts, all of them
    /// Everything but the routed experts that a token does not visit, both embedding tables
    /// included.
    std::int64_t active = 0;

    [[nodiscard]] std::int64_t total() const { return language + extra; }
};

ParameterCount count_parameters(const ModelSpec& model);

/// What blocks of multi-token prediction hold beside the model, whose embedding and head they
/// share: a layer as its last, a projection of (2C) to (C) and three norms each. No step has them.
std::int64_t prediction_parameters(const ModelSpec& model);

}  // namespace headroom
