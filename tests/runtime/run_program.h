#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include "planner/base/json.h"
#include "tests/spec/hardware_files.h"
#include "tests/support/catch.h"
#include "tests/support/cpu_machine.h"

namespace headroom::test {

/// What a command left behind.
struct Ended {
    int exit = -1;
    std::string out{};
    std::string error{};

    [[nodiscard]] Json json() const { return parse_json(out, "standard output"); }
};

/// A folder for the files of one test, and the programs run on them: a model of 30 thousand
/// parameters on a CPU profile, small enough for sanitized builds.
class Bench {
public:
    [[nodiscard]] std::string file(const std::string& name) const {
        return (directory_.path() / name).string();
    }

    /// A plan of the tiny model at `name`; `settings` of `headroom plan`.
    std::string plan(const std::string& name,
                     const std::string& settings = "--goal pretrain") const {
        directory_.add("cpu.json", cpu_document());
        directory_.add("config.json", Json::parse(R"({
            "model_type": "llama", "architectures": ["LlamaForCausalLM"],
            "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
            "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 256,
            "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "tie_word_embeddings": false})"));
        const Ended ended =
            command(HEADROOM_PROGRAM, "plan " + file("config.json") + " --gpu " + file("cpu.json") +
                                          " --sequence 32 --global-batch 4 "
                                          "--pin compute=fp32 --pin gradient=fp32 " +
                                          settings + " -o " + file(name));
        INFO(ended.error);
        REQUIRE(ended.exit == 0);
        return file(name);
    }
    /// headroom-run with `words`; `before` and `after` stand around it in the shell.
    [[nodiscard]] Ended run(const std::string& words, const std::string& before = "") const {
        return command(HEADROOM_RUN, words, before);
    }
    [[nodiscard]] Ended command(const std::string& program, const std::string& words,
                                const std::string& before = "") const {
        const auto errors = file("stderr");
        const auto line = before + " env HEADROOM_PROFILES=" + HEADROOM_PROFILES +
                          " OMP_WAIT_POLICY=passive XDG_CONFIG_HOME=/nonexistent " + program + " " +
                          words + " 2>" + errors;
        Ended ended;
        std::FILE* pipe = ::popen(line.c_str(), "r");  // NOLINT(cert-env33-c)
        if (pipe == nullptr) return ended;
        std::array<char, 4096> block{};
        while (const auto got = std::fread(block.data(), 1, block.size(), pipe)) {
            ended.out.append(block.data(), got);
        }
        const int status = ::pclose(pipe);
        ended.exit = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        ended.error = read_text_file(errors);
        return ended;
    }
    /// Starts headroom-run on its own; standard output goes to the file "stdout".
    [[nodiscard]] pid_t start(const std::vector<std::string>& words) const {
        const pid_t child = ::fork();
        if (child != 0) return child;
        ::setenv("HEADROOM_PROFILES", HEADROOM_PROFILES, 1);
        if (std::freopen(file("stdout").c_str(), "w", stdout) == nullptr) ::_exit(126);
        std::vector<const char*> argv{HEADROOM_RUN};
        for (const auto& word : words) argv.push_back(word.c_str());
        argv.push_back(nullptr);
        ::execv(HEADROOM_RUN, const_cast<char* const*>(argv.data()));
        ::_exit(127);
    }
    /// Names of what lies in the folder.
    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> found;
        for (const auto& entry : std::filesystem::directory_iterator(directory_.path())) {
            found.push_back(entry.path().filename().string());
        }
        return found;
    }

private:
    ProfileDirectory directory_{};
};

/// Ends that a good run may have: 5 when a time left its band, which a test must not judge.
inline bool good(int exit) { return exit == 0 || exit == 5; }

/// The measurement of a good run.
inline Json measured(const Bench& bench, const std::string& words) {
    const Ended ended = bench.run(words + " --json -q");
    INFO(ended.error);
    REQUIRE(good(ended.exit));
    return ended.json();
}

/// Whether a writer left its temporary file behind.
inline bool leaves_temporary_files(const Bench& bench) {
    return std::ranges::any_of(bench.names(), [](const std::string& name) {
        return name.find(".tmp") != std::string::npos;
    });
}

/// The losses of a measurement's steps.
inline std::vector<double> losses_of(const Json& measurement) {
    std::vector<double> losses;
    for (const auto& step : measurement.at("steps")) losses.push_back(step.at("loss"));
    return losses;
}

}  // namespace headroom::test
