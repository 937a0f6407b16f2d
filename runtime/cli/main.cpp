#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <new>
#include <set>
#include <string>
#include <string_view>

#include "planner/base/error.h"
#include "planner/cli/option_checks.h"
#include "planner/cli/output.h"
#include "runtime/backend.h"
#include "runtime/cli/run.h"
#include "runtime/training.h"

namespace headroom::run {
namespace {

/// The options that measuring a machine reads; `headroom hardware detect` passes them on.
constexpr std::array<std::string_view, 7> kOfDetect{
    "--detect", "--json", "--quiet", "--no-color", "--output", "--profiles", "--hardware-file"};

void declare_common(CLI::App& app, cli::CommonOptions& common) {
    app.add_flag("--json", common.json, "the measurement on standard output")
        ->excludes(app.get_option("--json-lines"));
    app.add_flag("-q,--quiet", common.quiet, "no progress, no notes");
    app.add_flag("--no-color", common.plain, "no colours (as with NO_COLOR set)");
    app.add_option("-o,--output", common.output, "write the measurement to FILE (- for stdout)")
        ->check(cli::not_empty())
        ->type_name("FILE");
    app.add_option("--profiles", common.profiles, "folder of profiles (HEADROOM_PROFILES)")
        ->check(cli::not_empty())
        ->type_name("DIR");
    app.add_option("--hardware-file", common.hardware_files, "profile or folder of profiles")
        ->check(cli::not_empty())
        ->type_name("PATH")
        ->allow_extra_args(false);
}

void declare(CLI::App& app, RunOptions& options) {
    cli::declare_run_options(app, options);
    declare_common(app, options.common);
}

int complain(const std::string& sentence, Exit exit) {
    cli::write_error(fmt::format("headroom-run: {}\n", cli::printable(sentence)));
    return static_cast<int>(exit);
}

int guarded(const RunOptions& options) {
    try {
        return static_cast<int>(options.detect ? detect(options) : run(options));
    } catch (const InputError& error) {
        return complain(error.what(), Exit::bad_input);
    } catch (const OutOfMemory& error) {
        return complain(error.what(), Exit::does_not_fit);
    } catch (const DeviceError& error) {
        return complain(error.what(), Exit::internal);
    } catch (const NotFinite& error) {
        return complain(error.what(), Exit::bad_input);
    } catch (const std::bad_alloc&) {
        return complain("this machine has no memory left", Exit::does_not_fit);
    } catch (const std::exception& error) {
        return complain(fmt::format("internal error: {}", error.what()), Exit::internal);
    }
}

std::set<std::string, std::less<>> given_options(const CLI::App& app) {
    std::set<std::string, std::less<>> out;
    for (const auto* option : app.get_options()) {
        if (option->count() > 0) out.insert(option->get_name());
    }
    return out;
}

/// Empty, or what is wrong with a command line whose words are all known.
std::string misuse(const RunOptions& options) {
    if (!options.detect) return options.plan.empty() ? "a plan is needed" : "";
    if (options.has("plan")) return "--detect takes no plan";
    for (const auto& each : options.given) {
        if (std::ranges::find(kOfDetect, each) == kOfDetect.end()) {
            return fmt::format("--detect takes no {}", each);
        }
    }
    return {};
}

int parse_and_run(int argc, char** argv) {
    CLI::App app("Runs a plan and puts measured memory, FLOPs and time beside the prediction.",
                 "headroom-run");
    RunOptions options;
    app.set_version_flag("--version", HEADROOM_VERSION);
    declare(app, options);
    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForHelp& help) {
        return app.exit(help);
    } catch (const CLI::CallForVersion& version) {
        return app.exit(version);
    } catch (const CLI::ParseError& error) {
        return complain(fmt::format("{}; see headroom-run --help", error.what()), Exit::usage);
    }
    options.given = given_options(app);
    if (const auto wrong = misuse(options); !wrong.empty()) {
        return complain(fmt::format("{}; see headroom-run --help", wrong), Exit::usage);
    }
    return guarded(options);
}

}  // namespace
}  // namespace headroom::run

int main(int argc, char** argv) { return headroom::run::parse_and_run(argc, argv); }
