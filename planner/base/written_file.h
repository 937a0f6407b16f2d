#pragma once

#include <filesystem>
#include <string_view>

namespace headroom {

/// Writes to a temporary name beside `path`, then renames; the file keeps its permissions. What a
/// link points to is written, not the link; a device or a pipe is written to as it is; "-" is
/// standard output. Throws InputError with the system's reason.
void write_file_atomically(const std::filesystem::path& path, std::string_view text);

/// Where a chain of links ends: the file that is to be written. Throws InputError where that is a
/// device, a pipe or a folder.
std::filesystem::path file_to_write(const std::filesystem::path& path);

/// Throws InputError where `path` could not be written now: its folder is missing or closed, or it
/// is a folder itself. For work that would be lost if that showed at its end.
void require_writable(const std::filesystem::path& path);

}  // namespace headroom
