#include "planner/cli/verbs.h"

#include "planner/base/error.h"

namespace headroom::cli {

// `headroom run` is the program headroom-run with the same words: what it takes, it declares itself
// (headroom run --help). This row puts it in the list of verbs.

void declare_run(CLI::App& app, Options&) { app.allow_extras(); }

Answer answer_run(const Options&, const Style&) {
    throw InternalError("run is answered by headroom-run");
}

}  // namespace headroom::cli
