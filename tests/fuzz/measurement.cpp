#include "planner/plan/measurement.h"

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "planner/base/error.h"
#include "planner/base/json.h"

using namespace headroom;

/// Any bytes as a run's measurement: it is read and written again, or InputError.
// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer looks for this name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    try {
        const std::string_view text(reinterpret_cast<const char*>(data), size);
        const auto document = parse_json(text, "fuzz");
        to_json(measurement_from_json(JsonCursor(document, "")));
    } catch (const InputError&) {
        // The one way to refuse.
    }
    return 0;
}
