#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

#include "planner/base/json.h"
#include "planner/score/row_request.h"

using namespace headroom;

namespace {

/// Every preset is a small model: looking one up is not what is tested here.
Library small_library() {
    return {.profiles_root = {},
            .hardware = {},
            .model = [](const std::string& name, const std::string&) -> ModelSpec {
                return {.name = name, .layers = 2, .hidden = 64, .vocab = 128};
            }};
}

}  // namespace

/// Any bytes as published measurements: rows that become requests or say what is missing, or
/// InputError.
// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer looks for this name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Library kLibrary = small_library();
    try {
        const std::string_view text(reinterpret_cast<const char*>(data), size);
        const auto document = parse_json(text, "fuzz");
        for (const auto& row : measured_rows(JsonCursor(document, ""))) express(row, kLibrary);
    } catch (const InputError&) {
        // The one way to refuse.
    }
    return 0;
}
