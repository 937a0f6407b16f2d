#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "planner/base/json.h"
#include "planner/plan/plan_json.h"

using namespace headroom;

namespace {

ModelSpec some_model(const std::string& name, const std::string& pointer) {
    if (name.size() > 64) throw InputError(pointer, "is no preset");
    const bool is_id = name.find('/') != std::string::npos;
    return {.name = is_id ? name : "owner/" + name, .layers = 2, .hidden = 64, .vocab = 128};
}

}  // namespace

/// Any bytes as a plan: what is read of it survives being written in a plan, or InputError.
// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer looks for this name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Library library{.model = some_model};
    try {
        const std::string_view text(reinterpret_cast<const char*>(data), size);
        const auto document = parse_json(text, "fuzz");
        const auto stored = plan_from_json({document, ""}, library);
        const Plan plan{.request = stored.request, .predicted = {.stages = {RankMemory{}}}};
        const auto written = to_json(plan);
        if (!(plan_from_json({written, ""}, library).request == stored.request)) std::abort();
    } catch (const InputError&) {
        // The one way to refuse.
    }
    return 0;
}
