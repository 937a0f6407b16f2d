#include "runtime/cli/run.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <exception>
#include <optional>

#include "planner/base/json.h"
#include "planner/base/written_file.h"
#include "planner/cli/output.h"
#include "planner/cli/report_findings.h"
#include "planner/plan/findings.h"
#include "runtime/cli/progress.h"
#include "runtime/cli/run_checkpoint.h"
#include "runtime/cli/run_plan.h"
#include "runtime/cli/run_weights.h"
#include "runtime/gpu_counters.h"
#include "runtime/recorder.h"
#include "runtime/training.h"

namespace headroom::run {
namespace {

bool on_cuda(const RunOptions& options, const PlanRequest& request) {
    if (options.device == "cuda") return true;
    return options.device == "auto" && request.hardware.profile.vendor != kCpuVendor &&
           cuda_missing().empty();
}

std::unique_ptr<Backend> make_backend(const RunOptions& options, const PlanRequest& request) {
    const bool wgmma = options.attention == "wgmma";
    if (on_cuda(options, request)) {
        return make_cuda_backend(0, wgmma ? TensorWords::wgmma : TensorWords::mma);
    }
    if (wgmma) throw InputError("", "--attention wgmma: this run is on the CPU");
    return make_cpu_backend();
}

TokenFormat token_format(const std::string& word) {
    if (word == "text") return TokenFormat::text;
    if (word == "u16") return TokenFormat::u16;
    if (word == "u32") return TokenFormat::u32;
    return TokenFormat::detect;
}

TokenSource token_source(const RunOptions& options, const PlanRequest& request) {
    if (options.data.empty()) return TokenSource::synthetic(request.model.vocab, options.seed);
    return TokenSource(options.data, token_format(options.data_format));
}

/// Rows of a learned position table that come before position 0 (opt keeps two).
std::int64_t first_position(const ModelSpec& model) {
    const bool learned = model.position == PositionKind::learned;
    return learned ? model.position_rows - model.max_positions : 0;
}
/// A teacher reads the same positions.
std::int64_t first_position(const PlanRequest& request) {
    const auto& teacher = request.distill.teacher;
    return std::max(first_position(request.model), teacher ? first_position(*teacher) : 0);
}

BatchSpec batch_spec(const RunOptions& options, const PlanRequest& request) {
    const auto& train = request.train;
    const auto& layout = request.layout;
    return {.batch = train.micro_batch,
            .sequence = train.sequence / layout.context,
            .micro_steps = train.accumulation,
            .rank = options.rank / (layout.tensor * layout.context) % layout.data,
            .ranks = layout.data,
            .vocabulary = request.model.vocab,
            .first_position = first_position(request),
            .seed = options.seed};
}

Hyperparameters hyperparameters(const RunOptions& options) {
    Hyperparameters hyper = options.hyper;
    hyper.schedule = options.schedule == "cosine" ? Schedule::cosine : Schedule::constant;
    hyper.steps = options.steps;
    return hyper;
}

/// What a reported loss is made of.
std::string loss_of(const DistillSpec& distill) {
    return fmt::format(
        "loss: {:.3g} of cross-entropy, {:.3g} of the divergence from the teacher, times "
        "temperature {:.3g} squared",
        1.0 - distill.weight, distill.weight, distill.temperature);
}

/// A plan, what executes it and what is measured, from start to end.
class Run {
public:
    explicit Run(const RunOptions& options)
        : options_(options),
          run_(prepare(options)),
          tokens_(token_source(options, run_.request())),
          batches_(tokens_, batch_spec(options, run_.request())),
          backend_(make_backend(options, run_.request())),
          executor_(make_executor()),
          weights_(*executor_, run_.request().prune),
          trainer_(*executor_, batches_, hyperparameters(options), options.seed),
          checkpoints_(options, run_, *executor_),
          teller_(options) {
        require_saves(options, run_);
        take_stage("arena");
        source_ = load_weights(options, run_, weights_);
        LossScaler scaler{.scale = options.loss_scale, .interval = options.growth_interval};
        trainer_.resume({.scaler = scaler});
        if (!options.resume.empty()) resume();
    }

    Exit all() {
        start_event();
        const InterruptWatch watch;
        keep([&] {
            while (trainer_.state().step < options_.steps && !InterruptWatch::interrupted()) one();
        });
        teller_.finish();
        interrupted_ = InterruptWatch::interrupted() || failure_;
        if (sound_ && !options_.checkpoint.empty()) keep([&] { checkpoint(); });
        if (sound_) keep([&] { save_weights(options_, run_, weights_); });
        Exit exit = Exit::done;
        keep([&] { exit = report(); });
        if (failure_) std::rethrow_exception(failure_);
        return exit;
    }

private:
    void resume() {
        Resumed resumed = checkpoints_.load();
        const std::int64_t step = resumed.state.step;
        if (step >= options_.steps) {
            throw InputError(options_.resume,
                             fmt::format("is of step {}, so --steps {} leaves nothing to do", step,
                                         options_.steps));
        }
        resumed.state.scaler.interval = options_.growth_interval;
        trainer_.resume(resumed.state);
        source_ = fmt::format("checkpoint of step {} of {}", step, options_.resume);
        if (resumed.tokens == tokens_.description()) return;
        run_.notes.push_back(
            fmt::format("the steps before {} read other tokens ({})", step, resumed.tokens));
    }

    static constexpr std::size_t kWatched = 2;      ///< steps until all that is watched has been
    static constexpr std::size_t kCountedStep = 2;  ///< under a GPU's counters
    static constexpr std::size_t kSettled = 4;      ///< and the step is recorded, on a GPU

    /// Does a part of the run; the first failure is told at the end, when the other parts have been
    /// done: a full disk under the checkpoint is no reason to lose the measurement. Only input that
    /// cannot be used stops a step before it changes a weight.
    template <class Part>
    void keep(Part part) {
        try {
            part();
        } catch (const InputError&) {
            if (!failure_) failure_ = std::current_exception();
        } catch (const std::exception&) {
            if (!failure_) failure_ = std::current_exception();
            sound_ = false;
        }
    }

    [[nodiscard]] bool cuda() const { return backend_->table().device == std::string_view("cuda"); }

    std::unique_ptr<Executor> make_executor() {
        const auto policy =
            options_.policy == "planned" ? MemoryPolicy::planned : MemoryPolicy::per_tensor;
        try {
            return std::make_unique<Executor>(
                run_.lowering.graph, *backend_,
                ExecutorOptions{.policy = policy, .launches = Launches::recorded});
        } catch (const OutOfMemory& error) {
            throw OutOfMemory(
                fmt::format("{}; {}", error.what(),
                            cli::remedies_within(run_.request(), backend_->memory().free)));
        }
    }

    /// The second step (or the only one) is watched op by op; a GPU's counters run in the third.
    StepReport take_step() {
        const std::size_t index = measured_.steps.size();
        if (index == std::min<std::size_t>(1, static_cast<std::size_t>(options_.steps - 1))) {
            recorder_.emplace(*executor_).start();
            const StepReport step = trainer_.step();
            recorder_->stop();
            return step;
        }
        if (index != kCountedStep ||
            measured_.steps.size() + 1 >= static_cast<std::size_t>(options_.steps) || !cuda())
            return trainer_.step();
        StepReport step;
        const CounterReading reading = read_counters(0, run_.request().train.compute, *executor_,
                                                     [&] { step = trainer_.step(); });
        measured_.counter_flops = reading.flops;
        measured_.counter_method = reading.method;
        return step;
    }

    void one() {
        const StepReport step = take_step();
        measured_.steps.push_back({.loss = step.loss,
                                   .gradient_norm = step.gradient_norm,
                                   .loss_scale = step.loss_scale,
                                   .skipped = step.skipped,
                                   .time = step.time});
        if (measured_.steps.size() == 1) take_stage("first step");
        teller_.step(step, options_.steps,
                     static_cast<double>(tokens_per_step()) / step.time.count(),
                     executor_->arena().high_water(Place::device).total);
        const auto every = options_.checkpoint_every;
        if (every > 0 && trainer_.state().step % every == 0 && !options_.checkpoint.empty()) {
            checkpoint();
        }
    }

    void checkpoint() { checkpoints_.save(tokens_.description(), trainer_.state()); }

    [[nodiscard]] std::int64_t tokens_per_step() const {
        const auto& spec = batches_.spec();
        return spec.batch * spec.sequence * spec.micro_steps;
    }

    void take_stage(std::string stage) {
        const DeviceMemory memory = backend_->memory();
        measured_.stages.push_back({.stage = std::move(stage),
                                    .process = memory.process,
                                    .free = memory.free,
                                    .total = memory.total});
    }

    void start_event() {
        teller_.event({{"event", "start"},
                       {"device", backend_->describe()},
                       {"digest", run_.digest},
                       {"data", tokens_.description()},
                       {"weights", source_},
                       {"steps", options_.steps}});
    }

    void complete() {
        take_stage("last step");
        std::vector<MeasuredStage> stages;
        for (const auto& [stage, memory] : backend_->stages()) {
            stages.push_back({stage, memory.process, memory.free, memory.total});
        }
        measured_.stages.insert(measured_.stages.begin(), stages.begin(), stages.end());
        measured_.digest = run_.digest;
        measured_.backend = backend_->table().device;
        measured_.device = backend_->describe();
        measured_.date = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
        measured_.version = HEADROOM_VERSION;
        measured_.data = tokens_.description();
        measured_.policy = options_.policy;
        measured_.rank = options_.rank;
        measured_.ranks = run_.request().layout.world();
        measured_.interrupted = interrupted_;
        measured_.device_memory = measured_memory(*executor_, Place::device);
        measured_.host_memory = measured_memory(*executor_, Place::host);
        measured_.tokens_per_step = tokens_per_step();
        measured_.algorithms = backend_->algorithms();
        measured_.notes = run_.notes;
        measured_.notes.push_back(source_);
        if (cuda()) measured_.notes.push_back("attention with " + options_.attention);
        if (const auto& distill = run_.request().distill; distill.is_on()) {
            measured_.notes.push_back(loss_of(distill));
        }
        measured_.step = median_step();
        if (!recorder_) return;
        measured_.flops_method =
            cuda() ? "counted from launched shapes" : "counted in the kernels' loops";
        measured_.phases = recorder_->phases();
        measured_.ops = recorder_->ops();
        measured_.executor_overhead = recorder_->overhead();
    }

    /// The first step touches every page for the first time, the next are watched, and a GPU's is
    /// recorded into a graph; these are left out where more steps are left.
    [[nodiscard]] Seconds median_step() const {
        std::vector<Seconds> times;
        const std::size_t settled = cuda() ? kSettled : kWatched;
        const std::size_t skip =
            measured_.steps.size() > settled ? settled : measured_.steps.size() - 1;
        for (std::size_t i = skip; i < measured_.steps.size(); ++i) {
            times.push_back(measured_.steps[i].time);
        }
        std::ranges::sort(times);
        const std::size_t middle = times.size() / 2;
        return times.size() % 2 == 1 ? times[middle] : (times[middle - 1] + times[middle]) / 2.0;
    }

    Exit report() {
        if (measured_.steps.empty()) return Exit::interrupted;
        complete();
        const auto rows = findings(*run_.plan, measured_);
        const Json document = to_json(measured_);
        teller_.event({{"event", "end"}, {"measurement", document}, {"findings", to_json(rows)}});
        cli::Answer answer{.document = document};
        answer.exit = any_outside(rows) ? Exit::outside_tolerance : Exit::done;
        if (interrupted_) answer.exit = Exit::interrupted;
        answer.text = cli::measurement_text(measured_, cli::output_style(options_.common)) + "\n" +
                      cli::findings_text(rows, cli::output_style(options_.common));
        answer.brief = cli::findings_brief(rows) + "\n";
        cli::Options options{.common = options_.common};
        if (options_.json_lines) return write_file_only(document, answer.exit);
        return cli::write_answer(answer, options);
    }

    Exit write_file_only(const Json& document, Exit exit) {
        const auto& file = options_.common.output;
        if (!file.empty()) write_file_atomically(file, cli::json_text(document));
        return exit;
    }

    const RunOptions& options_;
    RunPlan run_;
    TokenSource tokens_;
    TokenBatches batches_;
    std::unique_ptr<Backend> backend_;
    std::unique_ptr<Executor> executor_;
    Weights weights_;
    Trainer trainer_;
    Checkpoints checkpoints_;
    ProgressTeller teller_;
    std::optional<Recorder> recorder_{};
    Measurement measured_{};
    std::string source_{};
    bool interrupted_ = false;
    std::exception_ptr failure_{};
    bool sound_ = true;  ///< the weights are those of whole steps
};

/// What a run ends with must have a place before it begins.
void require_places(const RunOptions& options) {
    require_writable(options.common.output);
    for (const auto* file : {&options.save, &options.checkpoint}) {
        if (!file->empty()) require_writable(file_to_write(*file));
    }
    if (options.save_adapter.empty()) return;
    const std::filesystem::path folder(options.save_adapter);
    require_writable(std::filesystem::is_directory(folder) ? folder / "adapter_config.json"
                                                           : folder);
}

}  // namespace

Exit run(const RunOptions& options) {
    require_places(options);
    return Run(options).all();
}

}  // namespace headroom::run
