#pragma once

#include <cstdint>
#include <string>

#include "planner/spec/hyperparameters.h"

namespace CLI {
class App;
}

namespace headroom::cli {

/// What `headroom run` takes beside what every verb takes.
struct RunOptions {
    std::string plan{};
    std::int64_t rank = 0;
    std::int64_t steps = 10;
    std::string device = "auto";     ///< auto, cpu or cuda
    std::string policy = "planned";  ///< planned or per-tensor
    std::string attention = "mma";   ///< mma or wgmma
    std::string data{};              ///< empty: synthetic tokens
    std::string data_format = "detect";
    std::string init{};          ///< weights to start from; empty: from the seed
    std::string teacher{};       ///< the teacher's weights; empty: from the seed
    std::string adapter{};       ///< adapter to start from
    std::string save{};          ///< weights to write at the end
    std::string save_adapter{};  ///< folder for adapter files at the end
    bool merge = false;          ///< write the base with the adapter folded in
    std::string checkpoint{};
    std::int64_t checkpoint_every = 0;
    std::string resume{};
    std::uint32_t seed = 1;
    std::string schedule = "constant";
    Hyperparameters hyper{};
    double loss_scale = 65536.0;
    std::int64_t growth_interval = 2000;
    bool json_lines = false;
    bool detect = false;  ///< measure this machine instead of running a plan
    bool anyway = false;  ///< run a plan whose digest differs, or that does not fit
};

/// The options that headroom-run parses and that a shell completes after `headroom run`.
void declare_run_options(CLI::App& app, RunOptions& options);

}  // namespace headroom::cli
