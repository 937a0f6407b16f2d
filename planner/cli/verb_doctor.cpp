#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "planner/base/json.h"
#include "planner/cli/output.h"
#include "planner/cli/profiles.h"
#include "planner/cli/runtime_program.h"
#include "planner/cli/table.h"
#include "planner/cli/verbs.h"

namespace headroom::cli {
namespace {

namespace fs = std::filesystem;

enum class State { ok, absent, wrong };
constexpr std::string_view word(State state) {
    constexpr std::string_view kWords[]{"ok", "absent", "wrong"};
    return kWords[static_cast<std::size_t>(state)];
}

struct Check {
    std::string name{};
    State state = State::ok;
    std::string detail{};
};

/// An InputError becomes the detail of a check that failed.
template <class Find>
Check checked(const char* name, Find find) {
    try {
        return {name, State::ok, find()};
    } catch (const InputError& error) {
        return {name, State::wrong, error.what()};
    }
}

Check profiles_check(const CommonOptions& common) {
    return checked("profiles", [&] {
        const auto root = profiles_root(common);
        return fmt::format("{} ({})", root.path.string(), root.found_by);
    });
}

Check catalog_check(const CommonOptions& common) {
    return checked("known", [&] {
        const auto library = load_library(common);
        return fmt::format("{} GPUs, {} nodes, {} model presets", library.hardware.gpus().size(),
                           library.hardware.nodes().size(),
                           preset_ids(library.profiles_root).size());
    });
}

Check user_check() {
    std::error_code ignored;
    const auto folder = user_hardware();
    const bool there = !folder.empty() && fs::is_directory(folder, ignored);
    return {"own hardware", there ? State::ok : State::absent, folder.string()};
}

/// Opened and closed again: nothing of it is called.
Check library_check(const char* name, const char* file, const char* use) {
    void* handle = ::dlopen(file, RTLD_LAZY | RTLD_LOCAL);
    if (handle == nullptr) return {name, State::absent, fmt::format("{} ({})", file, use)};
    ::dlclose(handle);
    return {name, State::ok, file};
}

Check compiler_check() {
    return {"compiler", State::ok, fmt::format("{} (built this program)", __VERSION__)};
}

Check runtime_check() {
    const auto file = runtime_file();
    return {"headroom-run", file.empty() ? State::absent : State::ok,
            file.empty() ? "executes plans; planning needs none" : file.string()};
}

Check terminal_check(const CommonOptions& common) {
    const bool terminal = ::isatty(STDOUT_FILENO) != 0;
    return {"terminal", State::ok,
            fmt::format("{}, colours {}", terminal ? "yes" : "no, output is redirected",
                        output_style(common).colour ? "on" : "off")};
}

Check write_check() {
    std::error_code failure;
    const auto here = fs::current_path(failure);
    const bool writable = !failure && ::access(here.c_str(), W_OK) == 0;
    return {"this folder", writable ? State::ok : State::wrong,
            writable ? "can be written" : "cannot be written: -o needs another one"};
}

std::vector<Check> checks(const CommonOptions& common) {
    return {{"version", State::ok, HEADROOM_VERSION},
            profiles_check(common),
            catalog_check(common),
            user_check(),
            compiler_check(),
            library_check("CUDA driver", "libcuda.so.1", "runs plans; planning needs none"),
            library_check("NVML", "libnvidia-ml.so.1", "reads GPUs; planning needs none"),
            runtime_check(),
            terminal_check(common),
            write_check()};
}

std::string marked(const Check& check, const Style& style) {
    const std::string text(word(check.state));
    if (check.state == State::wrong) return style.bad(text);
    return check.state == State::ok ? style.good(text) : style.faint(text);
}

}  // namespace

void declare_doctor(CLI::App& /*app*/, Options& /*options*/) {}

Answer answer_doctor(const Options& options, const Style& style) {
    Table table({Align::left, Align::left, Align::left}, 0);
    Answer out{.document = {{"format", 1}, {"checks", Json::array()}}};
    std::size_t wrong = 0;
    for (const auto& check : checks(options.common)) {
        table.add({check.name, marked(check, style), check.detail});
        out.document["checks"].push_back(
            {{"name", check.name}, {"state", word(check.state)}, {"detail", check.detail}});
        if (check.state == State::wrong) ++wrong;
    }
    out.text = table.text();
    if (wrong > 0) out.exit = Exit::bad_input;
    out.brief = wrong == 0 ? "ok\n" : fmt::format("{} wrong\n", wrong);
    return out;
}

}  // namespace headroom::cli
