#include "runtime/data/safetensors_writer.h"

#include <fmt/format.h>

#include "planner/base/error.h"
#include "planner/base/json.h"
#include "planner/base/units.h"
#include "runtime/data/convert.h"

namespace headroom {
namespace {

constexpr std::size_t kAlignment = 8;

std::int64_t size_of(const TensorEntry& tensor) {
    std::int64_t count = 1;
    for (const auto extent : tensor.shape) count *= extent;
    return bytes_of(count, tensor.dtype);
}

/// What the header says of a tensor; packed 4-bit codes are a row of bytes.
Json entry_of(const TensorEntry& tensor, std::int64_t begin) {
    const std::int64_t bytes = size_of(tensor);
    const bool packed = bits(tensor.dtype) < 8;
    return {{"dtype", stored_name(tensor.dtype)},
            {"shape", packed ? std::vector{bytes} : tensor.shape},
            {"data_offsets", {begin, begin + bytes}}};
}

/// Padded with spaces so that the tensors begin on a multiple of 8.
std::string padded(std::string text) {
    text.resize(round_up(text.size(), kAlignment), ' ');
    return text;
}

std::span<const std::byte> bytes_in(const std::string& text) {
    return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path,
                                     const std::vector<TensorEntry>& tensors,
                                     const std::map<std::string, std::string>& metadata)
    : file_(path) {
    Json header = Json::object();
    if (!metadata.empty()) header["__metadata__"] = metadata;
    for (const auto& tensor : tensors) {
        if (header.contains(tensor.name)) {
            throw InternalError(fmt::format("{} is written twice", tensor.name));
        }
        header[tensor.name] = entry_of(tensor, announced_);
        announced_ += size_of(tensor);
    }
    const std::string text = padded(header.dump());
    const std::uint64_t length = text.size();
    file_.write(std::as_bytes(std::span(&length, 1)));
    file_.write(bytes_in(text));
    header_ = static_cast<std::int64_t>(sizeof(length) + text.size());
}

void SafetensorsWriter::write(std::span<const std::byte> bytes) {
    file_.write(bytes);
    written_ += static_cast<std::int64_t>(bytes.size());
}

void SafetensorsWriter::finish() {
    if (written_ != announced_) {
        throw InternalError(fmt::format("{}: {} bytes of tensors were announced, {} written",
                                        file_.path().string(), announced_, written_));
    }
    file_.commit();
}

}  // namespace headroom
