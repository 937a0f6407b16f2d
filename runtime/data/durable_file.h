#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

namespace headroom {

/// A file that is there whole or not at all. What is written goes to "NAME.tmp" beside it; `commit`
/// flushes it to the disk, renames it and flushes the folder. Until then a file of that name stays
/// as it was, whenever the process or the machine stops; a left-over "NAME.tmp" is overwritten by
/// the next writer. Of a link, what it points to is written. Throws InputError when the disk
/// refuses.
class DurableFile {
public:
    explicit DurableFile(const std::filesystem::path& path);
    /// Removes what was not committed.
    ~DurableFile();
    DurableFile(const DurableFile&) = delete;
    DurableFile& operator=(const DurableFile&) = delete;
    DurableFile(DurableFile&&) = delete;
    DurableFile& operator=(DurableFile&&) = delete;

    void write(std::span<const std::byte> bytes);
    void commit();
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    [[noreturn]] void fail() const;
    void close();
    void sync_folder() const;

    std::filesystem::path path_;
    std::string temporary_;
    int descriptor_ = -1;
};

}  // namespace headroom
