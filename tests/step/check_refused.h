#pragma once

#include <string>

#include "planner/step/verify.h"
#include "tests/step/sample_graph.h"
#include "tests/support/catch.h"

namespace headroom {

inline void check_refused(const SampleGraph& build, const std::string& sentence) {
    CHECK_THROWS_WITH(verify(build.graph), Catch::Matchers::Contains(sentence));
}

}  // namespace headroom
