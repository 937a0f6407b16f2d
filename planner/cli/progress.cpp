#include "planner/cli/progress.h"

#include <fmt/format.h>

#include <atomic>
#include <csignal>

#include "planner/cli/figures.h"
#include "planner/cli/output.h"

namespace headroom::cli {
namespace {

constexpr std::size_t kBarWidth = 40;

// A signal handler can reach nothing but a global.
std::atomic<bool> interrupt_seen{
    false};  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may store to it");

extern "C" void on_interrupt(int /*signal*/) { interrupt_seen = true; }

/// One write a line, so that lines of several threads do not mix.
void draw(std::int64_t done, std::int64_t space) {
    const double share = space > 0 ? static_cast<double>(done) / static_cast<double>(space) : 0.0;
    auto blocks = bar(share, kBarWidth);
    const auto used = static_cast<std::size_t>(share * static_cast<double>(kBarWidth));
    blocks.append(used < kBarWidth ? kBarWidth - used : 0, ' ');
    write_error(fmt::format("\r\033[K{} {} of {} configurations", blocks, with_thousands(done),
                            with_thousands(space)));
}

}  // namespace

SearchWatch::SearchWatch(Drawing drawing) : drawing_(drawing) {
    struct sigaction action {};
    action.sa_handler = on_interrupt;
    // The second Ctrl-C does what it does everywhere.
    action.sa_flags = SA_RESETHAND | SA_RESTART;
    ::sigaction(SIGINT, &action, nullptr);
}

SearchWatch::~SearchWatch() {
    if (drawing_ == Drawing::on) write_error("\r\033[K");
    std::signal(SIGINT, SIG_DFL);
}

Progress SearchWatch::progress() {
    return [this](std::int64_t done, std::int64_t space) {
        if (interrupted()) source_.request_stop();
        if (drawing_ == Drawing::on) draw(done, space);
    };
}

bool SearchWatch::interrupted() { return interrupt_seen; }

}  // namespace headroom::cli
