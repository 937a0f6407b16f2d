#include "planner/cli/runtime_program.h"

#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "planner/base/error.h"
#include "planner/cli/output.h"

namespace headroom::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRuntime = "headroom-run";

bool is_program(const fs::path& file) {
    std::error_code ignored;
    return fs::is_regular_file(file, ignored) && ::access(file.c_str(), X_OK) == 0;
}

fs::path on_path(const char* name) {
    const auto list = environment("PATH");
    std::string_view rest = list;
    while (!rest.empty()) {
        const auto folder = rest.substr(0, rest.find(':'));
        if (!folder.empty() && is_program(fs::path(folder) / name)) return fs::path(folder) / name;
        rest.remove_prefix(std::min(rest.size(), folder.size() + 1));
    }
    return {};
}

}  // namespace

fs::path program_file() {
    std::error_code ignored;
    return fs::read_symlink("/proc/self/exe", ignored);
}

fs::path runtime_file() {
    const auto beside = program_file().parent_path() / kRuntime;
    return is_program(beside) ? beside : on_path(kRuntime);
}

int run_runtime(const std::vector<std::string>& words) {
    const auto file = runtime_file();
    if (!file.empty()) {
        std::vector<std::string> arguments{kRuntime};
        arguments.insert(arguments.end(), words.begin(), words.end());
        std::vector<char*> pointers;
        for (auto& each : arguments) pointers.push_back(each.data());
        pointers.push_back(nullptr);
        ::execv(file.c_str(), pointers.data());
    }
    write_error("headroom: this needs the program headroom-run, which is not installed here\n");
    return static_cast<int>(Exit::usage);
}

}  // namespace headroom::cli
