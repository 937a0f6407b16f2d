#pragma once

#include "planner/cli/options.h"

namespace CLI {
class App;
}

namespace headroom::cli {

/// Declares the program's options and every verb's; parsing writes to `options`, which must outlive
/// the app.
void declare_program(CLI::App& app, Options& options);

/// The whole program: parses, answers, writes, and turns every failure into an exit code.
int run_program(int argc, char** argv);

}  // namespace headroom::cli
