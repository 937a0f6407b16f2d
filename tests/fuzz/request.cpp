#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "planner/base/json.h"
#include "planner/spec/plan_request.h"

using namespace headroom;

namespace {

ModelSpec some_model(const std::string& name, const std::string& pointer) {
    if (name.size() > 64) throw InputError(pointer, "is no preset");
    const bool is_id = name.find('/') != std::string::npos;
    return {.name = is_id ? name : "owner/" + name, .layers = 2, .hidden = 64, .vocab = 128};
}

void check_validation_ends(const PlanRequest& request) {
    try {
        validate(request);
    } catch (const InputError&) {
        // Settings may each be legal and not fit together.
    }
}

}  // namespace

/// Any bytes as a request: it survives its round trip and validates or not, or InputError.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Library library{.model = some_model};
    try {
        const std::string_view text(reinterpret_cast<const char*>(data), size);
        const auto document = parse_json(text, "fuzz");
        const auto request = request_from_json(JsonCursor(document, ""), library);
        check_validation_ends(request);
        const auto written = to_json(request);
        if (!(request_from_json(JsonCursor(written, ""), library) == request)) std::abort();
    } catch (const InputError&) {
        // The one way to refuse.
    }
    return 0;
}
