#include "planner/cli/verbs.h"

#include "planner/base/error.h"

namespace headroom::cli {

// `headroom run` is the program headroom-run with the same words (headroom run --help). This row
// puts it in the list of verbs, and its options where shells complete them.

void declare_run(CLI::App& app, Options& options) { declare_run_options(app, options.run); }

Answer answer_run(const Options&, const Style&) {
    throw InternalError("run is answered by headroom-run");
}

}  // namespace headroom::cli
