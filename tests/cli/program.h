#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <string>

#include "planner/base/json.h"
#include "tests/spec/hardware_files.h"

namespace headroom::test {

/// What a command left behind.
struct Run {
    int exit = -1;
    std::string out{};
    std::string error{};

    [[nodiscard]] Json json() const { return parse_json(out, "standard output"); }
};

/// A folder for the files of one test.
class Folder {
public:
    [[nodiscard]] std::string file(const std::string& name) const {
        return (directory_.path() / name).string();
    }
    [[nodiscard]] std::string add(const std::string& name, const Json& json) const {
        return directory_.add(name, json).string();
    }

private:
    ProfileDirectory directory_{};
};

/// Runs "headroom ARGUMENTS" through the shell; `before` and `after` stand around it ("echo x |").
inline Run run_headroom(const std::string& arguments, const std::string& before = "",
                        const std::string& after = "") {
    const Folder folder;
    const auto errors = folder.file("stderr");
    const auto command = before + " HEADROOM_PROFILES=" + HEADROOM_PROFILES +
                         " XDG_CONFIG_HOME=/nonexistent " + HEADROOM_PROGRAM + " " + arguments +
                         " 2>" + errors + " " + after;
    Run run;
    std::FILE* pipe = ::popen(command.c_str(), "r");  // NOLINT(cert-env33-c)
    if (pipe == nullptr) return run;
    std::array<char, 4096> block{};
    while (const auto got = std::fread(block.data(), 1, block.size(), pipe)) {
        run.out.append(block.data(), got);
    }
    const int status = ::pclose(pipe);
    run.exit = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    run.error = read_text_file(errors);
    return run;
}

}  // namespace headroom::test
