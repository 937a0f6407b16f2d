#pragma once

#include <nlohmann/json_fwd.hpp>

namespace headroom {

/// What a header needs that only names JSON: the whole of it costs a compiler seconds.
using Json = nlohmann::json;
class JsonCursor;

}  // namespace headroom
