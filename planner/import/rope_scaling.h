#pragma once

#include <cstdint>
#include <string>

#include "planner/base/json.h"
#include "planner/import/config_keys.h"
#include "planner/spec/model_spec.h"

namespace headroom {

/// The rule's name by its new or old key; "default" where it has none.
std::string rope_type_of(const JsonCursor& rule);

/// `rope_scaling` or, in newer files, `rope_parameters`; `fallback` when the config has neither.
/// `positions` stands for the first training's positions where the rule does not tell them. Throws
/// InputError: keys that a known rule lacks, values out of order.
RopeScaling rope_scaling_of(const ConfigKeys& keys, const RopeScaling& fallback,
                            std::int64_t positions);

/// YaRN's temperature of a context stretched by `factor`.
double yarn_mscale(double factor, double mscale);

}  // namespace headroom
