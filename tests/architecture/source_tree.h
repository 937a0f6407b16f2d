#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace headroom::architecture {

/// A box of the planner (a folder of `planner/`) -> every box it may include, itself among them.
using BoxTable = std::map<std::string, std::set<std::string>>;

/// One #include line: what stands between the quotes or the angle brackets.
struct Include {
    std::string header{};
    bool ours = false;  ///< quoted
};

/// A file of this project; `path` is relative to the root, with forward slashes.
struct SourceFile {
    std::string path{};
    std::string text{};
};

/// Every .cpp, .h, .cu and .cuh below the code folders of `root`, sorted by path.
std::vector<SourceFile> source_files(const std::filesystem::path& root);

std::string read_text(const std::filesystem::path& file);

/// The `headroom_box(NAME DEP...)` lines of a CMakeLists.txt, closed over what dependencies see.
/// Throws std::runtime_error when a dependency stands before its own line (hence no cycles).
BoxTable box_table(std::string_view cmake);

/// `folder` -> true for "folder/x" but not for "folders/x".
bool lies_in(std::string_view path, std::string_view folder);

std::vector<Include> includes(std::string_view text);

/// One sentence for each include of `file` that the table forbids.
std::vector<std::string> box_violations(const SourceFile& file, const BoxTable& table);

/// One sentence for each include of a library outside the folders that may use it.
std::vector<std::string> library_violations(const SourceFile& file);

}  // namespace headroom::architecture
