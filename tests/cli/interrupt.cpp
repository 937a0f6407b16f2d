#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "tests/cli/program.h"
#include "tests/support/catch.h"

using namespace headroom;

namespace {

/// A search that writes `file`, interrupted after `delay`; its wait status.
int interrupted_plan(const std::string& file, std::chrono::milliseconds delay) {
    const pid_t child = ::fork();
    if (child == 0) {
        const int null = ::open("/dev/null", O_WRONLY);
        ::dup2(null, STDOUT_FILENO);
        ::dup2(null, STDERR_FILENO);
        ::execl(HEADROOM_PROGRAM, HEADROOM_PROGRAM, "plan", "mistralai/Mixtral-8x7B-v0.1", "--gpu",
                "h100", "--gpus", "64", "-o", file.c_str(), nullptr);
        ::_exit(127);
    }
    std::this_thread::sleep_for(delay);
    ::kill(child, SIGINT);
    int status = 0;
    ::waitpid(child, &status, 0);
    return status;
}

}  // namespace

TEST_CASE("CtrlCWritesNothingAndExitsWith130") {
    const test::Folder folder;
    const auto file = folder.file("plan.json");
    const int status = interrupted_plan(file, std::chrono::milliseconds(60));
    // Before the search the signal ends the program; after it, the plan was complete already.
    const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGINT;
    const bool stopped = WIFEXITED(status) && WEXITSTATUS(status) == 130;
    const bool done = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    CHECK((killed || stopped || done));
    CHECK(std::filesystem::exists(file) == done);
    for (const auto& entry :
         std::filesystem::directory_iterator(std::filesystem::path(file).parent_path())) {
        CHECK(entry.path() == file);
    }
}
