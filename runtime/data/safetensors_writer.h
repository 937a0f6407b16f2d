#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "planner/base/dtype.h"
#include "runtime/data/durable_file.h"

namespace headroom {

/// A tensor that is going to be written.
struct TensorEntry {
    std::string name{};
    DType dtype = DType::f32;
    std::vector<std::int64_t> shape{};
};

/// Writes a .safetensors file as a stream: the header says what comes, then the bytes of the
/// tensors follow in that order, in pieces of any size. The file appears when `finish` is called,
/// whole.
class SafetensorsWriter {
public:
    /// Throws InputError when the file cannot be written, InternalError for a name given twice.
    SafetensorsWriter(const std::filesystem::path& path, const std::vector<TensorEntry>& tensors,
                      const std::map<std::string, std::string>& metadata = {{"format", "pt"}});

    void write(std::span<const std::byte> bytes);
    /// Throws InternalError when more or fewer bytes were written than announced.
    void finish();
    /// Bytes of the whole file.
    [[nodiscard]] std::int64_t size() const { return header_ + announced_; }

private:
    DurableFile file_;
    std::int64_t header_ = 0;
    std::int64_t announced_ = 0;
    std::int64_t written_ = 0;
};

}  // namespace headroom
