#include "runtime/cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "planner/base/json.h"
#include "planner/cli/output.h"

namespace headroom::run {
namespace {

volatile std::sig_atomic_t interrupt_seen = 0;  // a signal handler has nothing else to write to

void on_interrupt(int signal) {
    interrupt_seen = 1;
    std::signal(signal, SIG_DFL);
}

}  // namespace

InterruptWatch::InterruptWatch() {
    interrupt_seen = 0;
    std::signal(SIGINT, on_interrupt);
    std::signal(SIGTERM, on_interrupt);
}

InterruptWatch::~InterruptWatch() {
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
}

bool InterruptWatch::interrupted() { return interrupt_seen != 0; }

ProgressTeller::ProgressTeller(const RunOptions& options)
    : lines_(options.json_lines),
      draws_(!options.json_lines && cli::shows_progress(options.common)) {}

void ProgressTeller::event(const Json& object) {
    if (!lines_) return;
    fmt::print("{}\n", object.dump());
    std::fflush(stdout);
}

void ProgressTeller::step(const StepReport& report, std::int64_t steps, double tokens_per_second,
                          Bytes memory) {
    event({{"event", "step"},
           {"step", report.step},
           {"steps", steps},
           {"loss", report.loss},
           {"gradient_norm", report.gradient_norm},
           {"learning_rate", report.learning_rate},
           {"loss_scale", report.loss_scale},
           {"skipped", report.skipped},
           {"seconds", report.time.count()},
           {"tokens_per_second", tokens_per_second},
           {"memory_bytes", memory.count()}});
    if (!draws_) return;
    if (first_step_ < 0) first_step_ = report.step;
    seconds_ += report.time.count();
    const double each = seconds_ / static_cast<double>(report.step - first_step_ + 1);
    const Seconds left{each * static_cast<double>(steps - report.step - 1)};
    cli::write_error(fmt::format("\r\x1b[K  step {}/{}  loss {:.4f}  {:.0f} tokens/s  {} left",
                                 report.step + 1, steps, report.loss, tokens_per_second,
                                 to_string(left)));
}

void ProgressTeller::finish() {
    if (draws_ && first_step_ >= 0) cli::write_error("\r\x1b[K");
}

}  // namespace headroom::run
