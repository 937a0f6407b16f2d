#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <utility>

#include "planner/cli/completion.h"
#include "planner/cli/engine_choice.h"
#include "planner/cli/option_checks.h"
#include "planner/cli/output.h"
#include "planner/cli/profiles.h"
#include "planner/cli/progress.h"
#include "planner/cli/report.h"
#include "planner/cli/report_engine.h"
#include "planner/cli/report_search.h"
#include "planner/cli/reverse.h"
#include "planner/cli/search_options.h"
#include "planner/cli/setting_help.h"
#include "planner/cli/verbs.h"
#include "planner/spec/names.h"

namespace headroom::cli {
namespace {

constexpr double kMostTokens = 1e15;
constexpr double kMostUsd = 1e15;

void declare_subject(CLI::App& app, PlanOptions& plan) {
    app.add_option("model", plan.model, "preset, config.json, .safetensors, its index, or -")
        ->required()
        ->type_name("MODEL");
    auto* gpu =
        app.add_option("--gpu", plan.gpu, "GPU: profile name, alias or file")->type_name("NAME");
    // The catalogue's GPUs (--cheapest-gpu alone) come with their own nodes and prices.
    app.add_option("--gpus", plan.gpus, "number of GPUs")
        ->check(CLI::Range(1, 1 << 20))
        ->capture_default_str()
        ->needs(gpu);
    app.add_option("--node", plan.node, "node type in place of the GPU's usual one")
        ->type_name("NAME")
        ->needs(gpu);
    app.add_option("--usd-per-gpu-hour", plan.usd_per_gpu_hour, "your price")
        ->check(number_in({.high = 1e6}))
        ->type_name("USD")
        ->needs(gpu);
}

void declare_run(CLI::App& app, PlanOptions& plan) {
    app.add_option("--teacher", plan.teacher,
                   "distillation: a model that shows this one its distribution, as MODEL")
        ->check(not_empty())
        ->type_name("MODEL");
    app.add_option("--goal", plan.goal,
                   "pretrain and finetune train every weight, adapt trains LoRA or QLoRA")
        ->check(CLI::IsMember(words_of<Goal>()))
        ->default_str("pretrain");
    app.add_option("--sequence", plan.sequence, "tokens a sequence; 4096 or what the model has")
        ->check(CLI::Range(1, 1 << 27))
        ->type_name("N");
    app.add_option("--global-batch", plan.global_batch, "sequences a step; chosen unless given")
        ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 30))
        ->type_name("N");
    auto* tokens = app.add_option("--tokens", plan.tokens, "tokens of the whole run, as 15e9")
                       ->check(number_in({.high = kMostTokens}))
                       ->type_name("N");
    app.add_option("--budget-usd", plan.budget_usd, "the run must not cost more")
        ->check(number_in({.high = kMostUsd}))
        ->needs(tokens)
        ->type_name("USD");
}

/// What is asked beside the best plan: the ladder is an answer without one.
void declare_questions(CLI::App& app, PlanOptions& plan) {
    auto* gpu = app.get_option("--gpu");
    auto* ladder =
        app.add_flag("--ladder", plan.ladder, "the ladder alone, nothing searched")->needs(gpu);
    for (const auto* searched : {"--global-batch", "--budget-usd", "--optimize", "--engine"}) {
        ladder->excludes(app.get_option(searched));
    }
    const auto question = [&](const char* name, bool& asked, const char* help) {
        return app.add_flag(name, asked, help)->excludes(ladder);
    };
    question("--longest-sequence", plan.longest_sequence, "also: the longest one that fits")
        ->needs(gpu);
    question("--largest-micro-batch", plan.largest_micro_batch, "also: the largest one that fits")
        ->needs(gpu);
    question("--fewest-gpus", plan.fewest_gpus, "also: how many of these GPUs are enough")
        ->needs(gpu);
    question("--cheapest-gpu", plan.cheapest_gpu,
             "also: GPUs of the catalogue by price of the run; needs no --gpu");
}

void declare_search(CLI::App& app, PlanOptions& plan) {
    app.add_option("--optimize", plan.aim, "what the best plan has least of")
        ->check(CLI::IsMember(words_of<Aim>()))
        ->capture_default_str();
    app.add_option("--pin", plan.pins, "hold a setting (listed below), as zero=3; repeatable")
        ->type_name("KNOB=VALUE")
        ->allow_extra_args(false);
    app.add_option("--engine", plan.engine,
                   "who will run it: headroom, or a framework as hf, fsdp, megatron, deepspeed")
        ->check(not_empty())
        ->type_name("NAME");
    declare_questions(app, plan);
}

SearchResult watched_search(const SearchRequest& request, const CommonOptions& common) {
    SearchWatch watch(shows_progress(common) ? Drawing::on : Drawing::off);
    auto result = search(request, watch.token(), watch.progress());
    if (SearchWatch::interrupted()) throw Interrupted();
    return result;
}

/// A rung is what it is by its settings: one that is pinned to another value would not be read.
void require_unpinned(const Ladder& rungs, const SearchRequest& request) {
    for (const auto& name : request.pinned) {
        const auto& pinned = knob(name);
        const auto turned = [&](const Rung& rung) {
            return pinned.get(rung.request) != pinned.get(request.base);
        };
        if (std::ranges::any_of(rungs.rungs, turned)) {
            throw UsageError(fmt::format("--ladder sets {} itself: it cannot be pinned", name));
        }
    }
}

Answer ladder_answer(const SearchRequest& asked, const Style& style) {
    const PlanRequest& request = asked.base;
    const auto rungs = ladder(request);
    require_unpinned(rungs, asked);
    const auto first = rungs.first_fit;
    const auto brief = first ? rungs.rungs[*first].name : std::string("nothing fits");
    return {.text = subject_text(request, style) + "\n" + ladder_text(rungs, style),
            .brief = brief + "\n",
            .document = {{"format", 1}, {"ladder", ladder_json(rungs)}},
            .exit = first ? Exit::done : Exit::does_not_fit};
}

/// No GPU was named: the catalogue is asked, nothing else.
Answer offers_answer(const std::vector<ReverseAnswer>& answers, const Style& style) {
    Answer out{.text = reverse_text(answers, style), .document = {{"format", 1}}};
    for (const auto& each : answers) {
        out.document[each.key] = each.value;
        if (each.value.is_null()) out.exit = Exit::does_not_fit;
    }
    out.brief = out.text;
    return out;
}

Answer search_answer(const SearchRequest& request, const SearchResult& result,
                     const std::vector<ReverseAnswer>& limits, const Style& style) {
    Answer out{.text = search_text(request, result, style), .document = search_json(result)};
    if (!limits.empty()) out.text.append("\n").append(reverse_text(limits, style));
    for (const auto& each : limits) out.document[each.key] = each.value;
    if (result.best) {
        out.brief = verdict_sentence(*result.best) + "\n";
        out.saved = json_text(to_json(*result.best));
    } else {
        out.brief = fmt::format("nothing fits; {}\n", result.nearest);
        out.saves = false;
        out.exit = Exit::does_not_fit;
    }
    return out;
}

/// The framework has the last word on what fits; its forecast stands first.
void add_engine(Answer& answer, const SearchRequest& request, const SearchResult& result,
                const TimingProfile& timing, const Style& style) {
    if (!result.best || !names_framework(request.base)) return;
    const auto choice = choose_for_engine(request, result, timing);
    auto first = subject_text(choice.plan.request, style) + "\n" +
                 engine_text(choice.plan, choice.forecast, style) + "\n" +
                 settings_text(choice.plan.request, style);
    if (choice.too_large > 0) {
        first += fmt::format("  {} better that were tried need more memory than there is\n",
                             choice.too_large);
    }
    answer.text = first + "\n" +
                  style.heading("As our own runtime would run the best plan that was found") +
                  "\n" + answer.text;
    answer.brief = engine_sentence(choice.forecast) + "\n";
    const Json plan = to_json(choice.plan);
    Json expected = to_json(choice.forecast);
    Json saved = plan;
    saved["engine"] = expected;
    answer.saved = json_text(saved);
    expected["plan"] = plan;
    answer.document["engine"] = std::move(expected);
    const bool fits = choice.forecast.memory.process <= choice.forecast.capacity;
    answer.exit = fits ? Exit::done : Exit::does_not_fit;
}

}  // namespace

void declare_plan(CLI::App& app, Options& options) {
    declare_subject(app, options.plan);
    declare_run(app, options.plan);
    declare_search(app, options.plan);
    app.footer(settings_help);
}

Answer answer_plan(const Options& options, const Style& style) {
    const auto& asked = options.plan;
    const auto library = load_library(options.common);
    const auto request = search_request(asked, library);
    if (asked.ladder) return ladder_answer(request, style);
    if (asked.gpu.empty()) {
        return offers_answer(reverse_answers(asked, request, std::nullopt, library.hardware),
                             style);
    }
    const auto result = watched_search(request, options.common);
    const auto limits = reverse_answers(asked, request, result.best, library.hardware);
    auto answer = search_answer(request, result, limits, style);
    add_engine(answer, request, result, load_timing(library.profiles_root), style);
    return answer;
}

}  // namespace headroom::cli
