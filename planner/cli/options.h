#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "planner/cli/run_options.h"

namespace headroom::cli {

/// What every verb takes.
struct CommonOptions {
    bool json = false;
    bool quiet = false;
    bool plain = false;    ///< no colours, whatever the terminal
    std::string output{};  ///< file for the verb's document; "-": standard output
    std::string profiles{};
    std::vector<std::string> hardware_files{};
};

struct PlanOptions {
    std::string model{};
    std::string teacher{};  ///< empty: no distillation
    std::string gpu{};
    std::int64_t gpus = 1;
    std::string node{};
    std::string goal{};  ///< empty: not said, which is pretrain
    std::string aim = "time";
    std::optional<std::int64_t> sequence{};
    std::int64_t global_batch = 0;
    double tokens = 0.0;  ///< a double, so that 1e9 can be typed
    std::optional<double> budget_usd{};
    std::optional<double> usd_per_gpu_hour{};
    std::vector<std::string> pins{};
    std::string engine{};  ///< who runs the plan; empty: what the request says
    bool ladder = false;
    bool longest_sequence = false;
    bool largest_micro_batch = false;
    bool fewest_gpus = false;
    bool cheapest_gpu = false;
};

struct ScoreOptions {
    std::string group{};
    bool all = false;  ///< rows of which inputs are missing too
    bool fit = false;
    std::string plots{};
};

/// Everything the command line said; a verb reads its own part.
struct Options {
    CommonOptions common{};
    PlanOptions plan{};
    ScoreOptions score{};
    RunOptions run{};  ///< declared for its words: headroom-run answers
    std::string model{};
    std::string request{};
    std::string other{};  ///< the second document of `compare`
    std::string hardware_action = "list";
    std::string hardware_name{};
    std::string kind{};   ///< of schema
    std::string shell{};  ///< of completion
    bool markdown = false;
};

}  // namespace headroom::cli
