#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "planner/base/json.h"
#include "planner/import/model_files.h"

using namespace headroom;

/// Any bytes as a model.safetensors.index.json or as a model spec: what is read survives its round
/// trip, or InputError.
// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer looks for this name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    try {
        const std::string_view text(reinterpret_cast<const char*>(data), size);
        const auto document = parse_json(text, "fuzz");
        const JsonCursor cursor(document, "");
        if (is_shard_index(cursor)) {
            const auto source = model_from_index(cursor, std::nullopt, std::nullopt, "fuzz");
            if (source.stored_parameters < 0) std::abort();
            return 0;
        }
        const auto spec = model_spec_from_json(cursor);
        validate(spec);
        const auto written = to_json(spec);
        if (!(model_spec_from_json(JsonCursor(written, "")) == spec)) std::abort();
    } catch (const InputError&) {
        // The one way to refuse.
    }
    return 0;
}
