#pragma once

#include <string>
#include <vector>

#include "planner/base/json.h"
#include "planner/spec/model_spec.h"

namespace headroom {

/// What the model's own implementation computes otherwise than a run of the spec read from
/// `config`: one sentence each. None of it changes a plan.
std::vector<std::string> run_notes(const JsonCursor& config, const ModelSpec& spec);

}  // namespace headroom
