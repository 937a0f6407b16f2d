#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "planner/base/error.h"
#include "planner/import/model_files.h"
#include "planner/import/model_source.h"

using namespace headroom;

namespace {

void read(std::string_view bytes, std::int64_t file_size) {
    try {
        const auto tensors = parse_safetensors_header(bytes, file_size, "fuzz");
        if (count_stored_parameters(tensors) < 0) std::abort();
        model_from_tensors(tensors, std::nullopt, "fuzz");
    } catch (const InputError&) {
        // The one way to refuse.
    }
}

}  // namespace

/// Any bytes as a .safetensors file, of known and of unknown size: tensors and a count, or
/// InputError.
// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer looks for this name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    read(bytes, static_cast<std::int64_t>(size));
    read(bytes, -1);
    return 0;
}
