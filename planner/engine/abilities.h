#pragma once

#include "planner/engine/engine.h"
#include "planner/spec/abilities.h"

namespace headroom {

/// What a framework's documentation says it can do, as far as plans have settings for it.
Abilities abilities_of(const Engine& engine);

}  // namespace headroom
