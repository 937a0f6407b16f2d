#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>
#include <new>
#include <string>

#include "planner/base/error.h"
#include "planner/cli/option_checks.h"
#include "planner/cli/output.h"
#include "runtime/backend.h"
#include "runtime/cli/run.h"

namespace headroom::run {
namespace {

using cli::number_in;

CLI::Range count_from(std::int64_t low) {
    return {low, std::numeric_limits<std::int64_t>::max(), fmt::format("from {}", low)};
}

void declare_run(CLI::App& app, RunOptions& o) {
    app.add_option("plan", o.plan, "plan or request to run; - for standard input")
        ->type_name("PLAN.json");
    app.add_flag("--detect", o.detect, "measure this machine and write its hardware profile");
    app.add_option("--steps", o.steps, "optimizer steps")->check(CLI::Range(1, 1'000'000'000));
    app.add_option("--rank", o.rank, "which rank of a many-GPU plan (collectives loop back)")
        ->check(count_from(0));
    app.add_option("--device", o.device, "auto: a GPU where the plan and this machine have one")
        ->check(CLI::IsMember({"auto", "cpu", "cuda"}));
    app.add_option("--policy", o.policy, "planned (one block) or per-tensor (guarded allocations)")
        ->check(CLI::IsMember({"planned", "per-tensor"}));
    app.add_option("--attention", o.attention, "on a GPU: mma, or wgmma of sm_90a")
        ->check(CLI::IsMember({"mma", "wgmma"}));
    app.add_flag("--json-lines", o.json_lines, "progress as one JSON object a line");
    app.add_flag("--anyway", o.anyway, "run a plan that another version wrote or that is too big");
}

void declare_files(CLI::App& app, RunOptions& o) {
    const auto file = [&](const char* name, std::string& value, const char* help) {
        return app.add_option(name, value, help)->check(cli::not_empty())->type_name("PATH");
    };
    file("--data", o.data, "text, or tokens as nanoGPT and llm.c write them; else synthetic ones");
    app.add_option("--data-format", o.data_format, "what --data holds")
        ->check(CLI::IsMember({"detect", "text", "u16", "u32"}));
    file("--init", o.init, "weights to start from: safetensors file, index or folder");
    file("--init-adapter", o.adapter, "adapter to start from: adapter_model.safetensors");
    auto* save = file("--save", o.save, "write the weights here at the end (safetensors)");
    app.add_flag("--merge", o.merge, "--save writes the base with the adapter folded in")
        ->needs(save);
    file("--save-adapter", o.save_adapter, "write the adapter into this folder");
    auto* checkpoint = file("--checkpoint", o.checkpoint, "file to checkpoint the run to");
    app.add_option("--checkpoint-every", o.checkpoint_every, "steps; 0: at the end only")
        ->check(count_from(0))
        ->needs(checkpoint);
    file("--resume", o.resume, "checkpoint to go on from");
}

void declare_training(CLI::App& app, RunOptions& o) {
    using cli::LeftOut;
    const auto number = [&](const char* name, double& value, const char* help,
                            const cli::NumberRange& range) {
        app.add_option(name, value, help)->check(number_in(range))->type_name("X");
    };
    app.add_option("--seed", o.seed, "of weights, order of data and dropout");
    number("--lr", o.hyper.learning_rate, "learning rate", {.left_out = LeftOut::low});
    app.add_option("--schedule", o.schedule, "of the learning rate")
        ->check(CLI::IsMember({"constant", "cosine"}));
    app.add_option("--warmup", o.hyper.warmup, "steps that the learning rate rises")
        ->check(count_from(0));
    number("--weight-decay", o.hyper.weight_decay, "of matrices", {});
    // At 1 the bias correction divides by 0.
    number("--beta1", o.hyper.beta1, "Adam: what stays of the gradient's mean each step",
           {.high = 1.0, .left_out = LeftOut::high});
    number("--beta2", o.hyper.beta2, "Adam: what stays of the mean of its square",
           {.high = 1.0, .left_out = LeftOut::high});
    number("--epsilon", o.hyper.epsilon, "Adam: added to the square's root",
           {.left_out = LeftOut::low});
    number("--momentum", o.hyper.momentum, "SGD", {.high = 1.0});
    number("--clip", o.hyper.clip, "largest gradient norm; 0: none", {});
    number("--loss-scale", o.loss_scale, "fp16: to begin with", {.left_out = LeftOut::low});
    app.add_option("--growth-interval", o.growth_interval, "fp16: good steps before it doubles")
        ->check(count_from(1));
}

void declare_common(CLI::App& app, cli::CommonOptions& common) {
    app.add_flag("--json", common.json, "the measurement on standard output");
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
    app.option_defaults()->always_capture_default();
    declare_run(app, options);
    declare_files(app, options);
    declare_training(app, options);
    app.option_defaults()->always_capture_default(false);
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
    if (options.plan.empty() != options.detect) {
        return complain(fmt::format("{}; see headroom-run --help",
                                    options.detect ? "--detect takes no plan" : "a plan is needed"),
                        Exit::usage);
    }
    return guarded(options);
}

}  // namespace
}  // namespace headroom::run

int main(int argc, char** argv) { return headroom::run::parse_and_run(argc, argv); }
