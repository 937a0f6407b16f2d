#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

namespace headroom {

/// A file's bytes, mapped to be read: pages come from the disk when they are touched and the system
/// may take them back, so a file larger than memory is no matter.
class MappedFile {
public:
    /// Throws InputError when the file cannot be opened or is a folder.
    explicit MappedFile(const std::filesystem::path& path);
    ~MappedFile();
    MappedFile(MappedFile&& other) noexcept;
    MappedFile& operator=(MappedFile&& other) noexcept;
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;

    [[nodiscard]] std::span<const std::byte> bytes() const { return {data_, size_}; }
    [[nodiscard]] const std::string& name() const { return name_; }

private:
    std::string name_{};
    const std::byte* data_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace headroom
