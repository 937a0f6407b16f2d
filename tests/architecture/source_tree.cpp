#include "tests/architecture/source_tree.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

namespace headroom::architecture {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 6> kCodeFolders{"planner", "kernels", "runtime",
                                                       "gui",     "bench",   "tests"};
constexpr std::array<std::string_view, 4> kCodeSuffixes{".cpp", ".h", ".cu", ".cuh"};

/// Headers that begin with `prefix` belong in `folders` (and in tests and benchmarks) alone.
struct LibraryRule {
    std::string_view prefix{};
    std::vector<std::string_view> folders{};
};

const std::vector<LibraryRule>& library_rules() {
    static const std::vector<std::string_view> threads{"planner/search", "runtime", "gui/jobs"};
    static const std::vector<LibraryRule> rules{
        {"CLI/", {"planner/cli", "runtime/cli"}},
        {"Q", {"gui"}},
        {"cuda", {"kernels", "runtime"}},
        {"cublas", {"kernels", "runtime"}},
        {"tbb/", threads},
        {"oneapi/", threads},
        {"thread", threads},
        {"mutex", threads},
        {"future", threads},
    };
    return rules;
}

/// The box of "planner/<box>/..."; empty for any other path.
std::string box_of(std::string_view path) {
    constexpr std::string_view prefix = "planner/";
    if (!path.starts_with(prefix)) return {};
    path.remove_prefix(prefix.size());
    return std::string(path.substr(0, path.find('/')));
}

}  // namespace

std::string read_text(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) throw std::runtime_error("cannot read " + file.string());
    return {std::istreambuf_iterator<char>(in), {}};
}

bool lies_in(std::string_view path, std::string_view folder) {
    return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

std::vector<SourceFile> source_files(const fs::path& root) {
    std::vector<SourceFile> files;
    for (const auto folder : kCodeFolders) {
        if (!fs::is_directory(root / folder)) continue;
        for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
            const auto suffix = entry.path().extension().string();
            if (!entry.is_regular_file() || std::ranges::count(kCodeSuffixes, suffix) == 0)
                continue;
            files.push_back(
                {fs::relative(entry.path(), root).generic_string(), read_text(entry.path())});
        }
    }
    std::ranges::sort(files, {}, &SourceFile::path);
    return files;
}

BoxTable box_table(std::string_view cmake) {
    constexpr std::string_view call = "headroom_box(";
    BoxTable table;
    std::istringstream lines{std::string(cmake)};
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with(call)) continue;
        std::istringstream words(line.substr(call.size(), line.find(')') - call.size()));
        std::string box;
        words >> box;
        std::set<std::string> visible{box};
        for (std::string dependency; words >> dependency;) {
            const auto row = table.find(dependency);
            if (row == table.end()) {
                throw std::runtime_error(box + " needs " + dependency + ", which has no row above");
            }
            visible.insert(row->second.begin(), row->second.end());
        }
        table.emplace(box, std::move(visible));
    }
    return table;
}

std::vector<Include> includes(std::string_view text) {
    std::vector<Include> found;
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        const auto hash = line.find_first_not_of(" \t");
        if (hash == std::string::npos || line.compare(hash, 8, "#include") != 0) continue;
        const auto open = line.find_first_of("\"<", hash);
        if (open == std::string::npos) continue;
        const auto close = line.find_first_of("\">", open + 1);
        found.push_back({line.substr(open + 1, close - open - 1), line[open] == '"'});
    }
    return found;
}

std::vector<std::string> box_violations(const SourceFile& file, const BoxTable& table) {
    const auto box = box_of(file.path);
    if (box.empty() || box == "cli") return {};
    const auto row = table.find(box);
    if (row == table.end()) return {file.path + ": " + box + " is no headroom_box"};
    std::vector<std::string> found;
    for (const auto& include : includes(file.text)) {
        if (include.ours && !row->second.contains(box_of(include.header))) {
            found.push_back(file.path + ": " + box + " may not include " + include.header);
        }
    }
    return found;
}

std::vector<std::string> library_violations(const SourceFile& file) {
    if (lies_in(file.path, "tests") || lies_in(file.path, "bench")) return {};
    std::vector<std::string> found;
    for (const auto& include : includes(file.text)) {
        for (const auto& rule : library_rules()) {
            const auto may = [&](auto folder) { return lies_in(file.path, folder); };
            if (include.ours || !include.header.starts_with(rule.prefix)) continue;
            if (std::ranges::none_of(rule.folders, may)) {
                found.push_back(file.path + ": <" + include.header + "> does not belong here");
            }
        }
    }
    return found;
}

}  // namespace headroom::architecture
