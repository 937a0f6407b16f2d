#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "planner/base/json.h"
#include "planner/import/hf_config.h"
#include "planner/import/model_source.h"

using namespace headroom;

/// Any bytes as a config.json: a spec that validates and survives its round trip, or InputError.
// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer looks for this name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    try {
        const std::string_view text(reinterpret_cast<const char*>(data), size);
        const auto document = parse_json(text, "fuzz");
        const JsonCursor cursor(document, "");
        const auto spec = model_from_hf_config(cursor, "fuzz");
        config_notes(cursor, spec);
        validate(spec);
        const auto written = to_json(spec);
        if (!(model_spec_from_json(JsonCursor(written, "")) == spec)) std::abort();
    } catch (const InputError&) {
        // The one way to refuse.
    }
    return 0;
}
