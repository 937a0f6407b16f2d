#include "planner/cli/run_options.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <limits>

#include "planner/cli/option_checks.h"

namespace headroom::cli {
namespace {

CLI::Range count_from(std::int64_t low) {
    return {low, std::numeric_limits<std::int64_t>::max(), fmt::format("from {}", low)};
}

void declare_execution(CLI::App& app, RunOptions& o) {
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
        return app.add_option(name, value, help)->check(not_empty())->type_name("PATH");
    };
    auto* data = file("--data", o.data,
                      "text, or tokens as nanoGPT and llm.c write them; else synthetic ones");
    app.add_option("--data-format", o.data_format, "what --data holds")
        ->check(CLI::IsMember({"detect", "text", "u16", "u32"}))
        ->needs(data);
    file("--init", o.init, "weights to start from: safetensors file, index or folder");
    file("--init-teacher", o.teacher, "the teacher's weights, as --init");
    auto* adapter =
        file("--init-adapter", o.adapter, "adapter to start from: adapter_model.safetensors");
    auto* save = file("--save", o.save, "write the weights here at the end (safetensors)");
    app.add_flag("--merge", o.merge, "--save writes the base with the adapter folded in")
        ->needs(save);
    file("--save-adapter", o.save_adapter, "write the adapter into this folder");
    auto* checkpoint = file("--checkpoint", o.checkpoint, "file to checkpoint the run to");
    app.add_option("--checkpoint-every", o.checkpoint_every, "steps; 0: at the end only")
        ->check(count_from(0))
        ->needs(checkpoint);
    // A checkpoint holds the adapter; --init may be the base, which it leaves out.
    file("--resume", o.resume, "checkpoint to go on from")->excludes(adapter);
}

void declare_training(CLI::App& app, RunOptions& o) {
    const auto number = [&](const char* name, double& value, const char* help,
                            const NumberRange& range) {
        return app.add_option(name, value, help)->check(number_in(range))->type_name("X");
    };
    app.add_option("--seed", o.seed, "of weights, order of data and dropout");
    number("--lr", o.hyper.learning_rate, "learning rate", {.left_out = LeftOut::low});
    app.add_option("--schedule", o.schedule, "of the learning rate")
        ->check(CLI::IsMember({"constant", "cosine"}));
    app.add_option("--warmup", o.hyper.warmup, "steps that the learning rate rises")
        ->check(count_from(0));
    number("--weight-decay", o.hyper.weight_decay, "of matrices", {});
    // At 1 the bias correction divides by 0.
    number("--beta1", o.hyper.beta1, "Adam and Lion: what stays of the gradient's mean each step",
           {.high = 1.0, .left_out = LeftOut::high});
    number("--beta2", o.hyper.beta2,
           "Adam: what stays of the mean of its square; Lion: of the mean",
           {.high = 1.0, .left_out = LeftOut::high});
    number("--epsilon", o.hyper.epsilon, "Adam: added to the square's root",
           {.left_out = LeftOut::low});
    number("--momentum", o.hyper.momentum, "SGD", {.high = 1.0});
    number("--clip", o.hyper.clip, "largest gradient norm; 0: none", {});
    // A checkpoint holds the scale that its run had come to.
    number("--loss-scale", o.loss_scale, "fp16: to begin with", {.left_out = LeftOut::low})
        ->excludes(app.get_option("--resume"));
    app.add_option("--growth-interval", o.growth_interval, "fp16: good steps before it doubles")
        ->check(count_from(1));
}

}  // namespace

void declare_run_options(CLI::App& app, RunOptions& options) {
    app.option_defaults()->always_capture_default();
    declare_execution(app, options);
    declare_files(app, options);
    declare_training(app, options);
    app.option_defaults()->always_capture_default(false);
}

}  // namespace headroom::cli
