#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <new>

#include "planner/base/error.h"
#include "planner/cli/output.h"
#include "runtime/backend.h"
#include "runtime/cli/run.h"

namespace headroom::run {
namespace {

void declare(CLI::App& app, RunOptions& o) {
    app.add_option("plan", o.plan, "plan or request to run; - for standard input");
    app.add_flag("--detect", o.detect, "measure this machine and write its hardware profile");
    app.add_option("--steps", o.steps, "optimizer steps")->check(CLI::Range(1, 1'000'000'000));
    app.add_option("--rank", o.rank, "which rank of a many-GPU plan (collectives loop back)")
        ->check(CLI::NonNegativeNumber);
    app.add_option("--device", o.device, "auto, cpu or cuda")
        ->check(CLI::IsMember({"auto", "cpu", "cuda"}));
    app.add_option("--policy", o.policy, "planned (one block) or per-tensor (guarded allocations)")
        ->check(CLI::IsMember({"planned", "per-tensor"}));
    app.add_option("--attention", o.attention, "on a GPU: mma, or wgmma of sm_90a")
        ->check(CLI::IsMember({"mma", "wgmma"}));
    app.add_option("--data", o.data, "text, or tokens as nanoGPT and llm.c write them");
    app.add_option("--data-format", o.data_format, "detect, text, u16 or u32")
        ->check(CLI::IsMember({"detect", "text", "u16", "u32"}));
    app.add_option("--init", o.init, "weights to start from: safetensors file, index or folder");
    app.add_option("--init-adapter", o.adapter, "adapter to start from: adapter_model.safetensors");
    app.add_option("--save", o.save, "write the weights here at the end (safetensors)");
    app.add_flag("--merge", o.merge, "--save writes the base with the adapter folded in");
    app.add_option("--save-adapter", o.save_adapter, "write the adapter into this folder");
    app.add_option("--checkpoint", o.checkpoint, "file to checkpoint the run to");
    app.add_option("--checkpoint-every", o.checkpoint_every, "steps; 0: at the end only")
        ->check(CLI::NonNegativeNumber);
    app.add_option("--resume", o.resume, "checkpoint to go on from");
    app.add_option("--seed", o.seed, "of weights, order of data and dropout");
    app.add_option("--lr", o.hyper.learning_rate, "learning rate")->check(CLI::PositiveNumber);
    app.add_option("--schedule", o.schedule, "constant or cosine")
        ->check(CLI::IsMember({"constant", "cosine"}));
    app.add_option("--warmup", o.hyper.warmup, "steps")->check(CLI::NonNegativeNumber);
    app.add_option("--weight-decay", o.hyper.weight_decay, "of matrices")
        ->check(CLI::NonNegativeNumber);
    app.add_option("--beta1", o.hyper.beta1)->check(CLI::Range(0.0, 1.0));
    app.add_option("--beta2", o.hyper.beta2)->check(CLI::Range(0.0, 1.0));
    app.add_option("--epsilon", o.hyper.epsilon)->check(CLI::PositiveNumber);
    app.add_option("--momentum", o.hyper.momentum, "SGD")->check(CLI::Range(0.0, 1.0));
    app.add_option("--clip", o.hyper.clip, "largest gradient norm; 0: none")
        ->check(CLI::NonNegativeNumber);
    app.add_option("--loss-scale", o.loss_scale, "fp16: to begin with")->check(CLI::PositiveNumber);
    app.add_option("--growth-interval", o.growth_interval, "fp16: good steps before it doubles")
        ->check(CLI::PositiveNumber);
    app.add_flag("--json-lines", o.json_lines, "progress as one JSON object a line");
    app.add_flag("--anyway", o.anyway, "run a plan that another version wrote or that is too big");
}

void declare_common(CLI::App& app, cli::CommonOptions& common) {
    app.add_flag("--json", common.json, "the measurement on standard output");
    app.add_flag("-q,--quiet", common.quiet, "no progress, no notes");
    app.add_flag("--no-color", common.plain, "no colours (as with NO_COLOR set)");
    app.add_option("-o,--output", common.output, "write the measurement to FILE (- for stdout)");
    app.add_option("--profiles", common.profiles, "folder of profiles (HEADROOM_PROFILES)");
    app.add_option("--hardware-file", common.hardware_files, "profile or folder of profiles")
        ->allow_extra_args(false);
}

int complain(const std::string& sentence, Exit exit) {
    cli::write_error(fmt::format("headroom-run: {}\n", sentence));
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
    declare_common(app, options.common);
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
        return complain("a plan is needed; see headroom-run --help", Exit::usage);
    }
    return guarded(options);
}

}  // namespace
}  // namespace headroom::run

int main(int argc, char** argv) { return headroom::run::parse_and_run(argc, argv); }
