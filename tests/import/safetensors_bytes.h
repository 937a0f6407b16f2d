#pragma once

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "planner/base/json.h"

namespace headroom {

/// A length prefix and `header`: how a .safetensors file begins.
inline std::string with_length(const std::string& header, std::uint64_t length) {
    std::string out;
    for (unsigned i = 0; i < 8; ++i) out += static_cast<char>((length >> (8 * i)) & 0xFFU);
    return out + header;
}

inline std::string with_length(const std::string& header) {
    return with_length(header, header.size());
}

/// Name, dtype, bytes an element times two (so that 4-bit types fit), shape.
struct TensorRow {
    std::string name;
    std::string dtype;
    std::int64_t half_bytes;
    std::vector<std::int64_t> shape;
};

/// A well-formed header over `rows`, laid out one after the other, and the payload size.
inline std::pair<std::string, std::int64_t> header_of(const std::vector<TensorRow>& rows) {
    Json header = Json::object();
    header["__metadata__"] = {{"format", "pt"}};
    std::int64_t at = 0;
    for (const auto& row : rows) {
        std::int64_t bytes = row.half_bytes;
        for (const auto size : row.shape) bytes *= size;
        bytes /= 2;
        header[row.name] = {
            {"dtype", row.dtype}, {"shape", row.shape}, {"data_offsets", {at, at + bytes}}};
        at += bytes;
    }
    return {header.dump(), at};
}

/// A folder of its own under the system's temporary one, removed with its contents.
class TemporaryFolder {
public:
    explicit TemporaryFolder(const std::string& name)
        : path_(std::filesystem::temp_directory_path() /
                ("headroom-import-" + std::to_string(::getpid()) + "-" + name)) {
        std::filesystem::remove_all(path_);
        std::filesystem::create_directories(path_);
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    [[nodiscard]] std::filesystem::path path(const std::string& file) const { return path_ / file; }
    [[nodiscard]] const std::filesystem::path& root() const { return path_; }

    void write(const std::string& file, const std::string& text) const {
        std::ofstream(path_ / file, std::ios::binary) << text;
    }
    /// A weight file with a real header; its payload is a hole, so any size is cheap.
    void write_tensors(const std::string& file, const std::vector<TensorRow>& rows) const {
        const auto [header, payload] = header_of(rows);
        write(file, with_length(header));
        std::filesystem::resize_file(path_ / file,
                                     8 + header.size() + static_cast<std::uintmax_t>(payload));
    }

private:
    std::filesystem::path path_;
};

}  // namespace headroom
