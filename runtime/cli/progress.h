#pragma once

#include <string>

#include "planner/base/json.h"
#include "runtime/cli/run_options.h"
#include "runtime/training.h"

namespace headroom::run {

/// While it lives, Ctrl-C asks the run to end after its step; a second one ends the program.
class InterruptWatch {
public:
    InterruptWatch();
    ~InterruptWatch();
    InterruptWatch(const InterruptWatch&) = delete;
    InterruptWatch& operator=(const InterruptWatch&) = delete;

    [[nodiscard]] static bool interrupted();
};

/// Tells how a run goes: one JSON object a line on standard output, or a line on a terminal's
/// standard error that is drawn again and again.
class ProgressTeller {
public:
    explicit ProgressTeller(const RunOptions& options);

    void event(const Json& object);
    void step(const StepReport& report, std::int64_t steps, double tokens_per_second, Bytes memory);
    /// Takes the line away.
    void finish();

private:
    bool lines_ = false;
    bool draws_ = false;
    std::int64_t first_step_ = -1;
    double seconds_ = 0.0;
};

}  // namespace headroom::run
