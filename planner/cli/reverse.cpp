#include "planner/cli/reverse.h"

#include <fmt/format.h>

#include <array>

#include "planner/base/json.h"
#include "planner/cli/report.h"
#include "planner/cli/table.h"
#include "planner/plan/plan_json.h"

namespace headroom::cli {
namespace {

/// What a question is asked about.
struct Subject {
    const SearchRequest& search;
    const PlanRequest& request;  ///< of the plan found, else of the search
    const HardwareCatalog& catalog;
};

ReverseAnswer counted(const char* key, const char* what, std::int64_t count) {
    if (count == 0) return {key, nullptr, fmt::format("  {}: none fits\n", what)};
    return {key, count, fmt::format("  {}: {}\n", what, with_thousands(count))};
}

ReverseAnswer sequence(const Subject& subject) {
    return counted("longest_sequence", "longest sequence in tokens",
                   longest_sequence(subject.request));
}

ReverseAnswer micro_batch(const Subject& subject) {
    return counted("largest_micro_batch", "largest micro-batch in sequences",
                   largest_micro_batch(subject.request));
}

ReverseAnswer gpus(const Subject& subject) {
    const auto found = fewest_gpus(subject.search);
    if (found.gpus == 0 || !found.plan) {
        return {"fewest_gpus", nullptr, "  fewest GPUs: no number of them is enough\n"};
    }
    return {"fewest_gpus",
            {{"gpus", found.gpus}, {"plan", to_json(*found.plan)}},
            fmt::format("  fewest GPUs: {} x {}; {}\n", found.gpus,
                        found.plan->request.hardware.profile.id, verdict_sentence(*found.plan))};
}

/// Whose rates a GPU's profile holds: only a run of Headroom's own program tells its context.
const char* kernels_of(const Plan& plan) {
    return plan.request.hardware.profile.own_context > Bytes{} ? "own" : "published";
}

ReverseAnswer offers(const Subject& subject) {
    const auto found = cheapest_gpus(subject.search, subject.catalog);
    if (found.empty()) return {"cheapest_gpu", nullptr, "  no GPU of the catalogue fits\n"};
    ReverseAnswer out{.key = "cheapest_gpu", .value = Json::array()};
    Table table({Align::left, Align::right, Align::right, Align::right, Align::right, Align::left});
    table.add(
        {"cheapest run first", "GPUs", "$ an hour", "tokens/s", "$ a million tokens", "kernels"});
    for (const auto& offer : found) {
        const auto& cost = offer.plan.predicted.cost;
        const double hours = 1e6 / cost.tokens_per_second / 3600.0;
        const double usd = offer.usd_per_hour.count() * hours;
        out.value.push_back({{"gpu", offer.gpu},
                             {"gpus", offer.gpus},
                             {"usd_per_hour", offer.usd_per_hour.count()},
                             {"usd_per_million_tokens", usd},
                             {"kernels", kernels_of(offer.plan)},
                             {"plan", to_json(offer.plan)}});
        table.add({offer.gpu, with_thousands(offer.gpus), to_string(offer.usd_per_hour),
                   rounded(cost.tokens_per_second), usd_figure(usd), kernels_of(offer.plan)});
    }
    out.text =
        table.text() +
        "  kernels: own, Headroom's were measured on this GPU; published, the best that are\n";
    return out;
}

struct Question {
    bool PlanOptions::*asked = nullptr;
    ReverseAnswer (*answer)(const Subject&) = nullptr;
};
constexpr std::array kQuestions{Question{&PlanOptions::longest_sequence, sequence},
                                Question{&PlanOptions::largest_micro_batch, micro_batch},
                                Question{&PlanOptions::fewest_gpus, gpus},
                                Question{&PlanOptions::cheapest_gpu, offers}};

}  // namespace

std::vector<ReverseAnswer> reverse_answers(const PlanOptions& options, const SearchRequest& request,
                                           const std::optional<Plan>& best,
                                           const HardwareCatalog& catalog) {
    const Subject subject{request, best ? best->request : request.base, catalog};
    std::vector<ReverseAnswer> out;
    for (const auto& question : kQuestions) {
        if (options.*question.asked) out.push_back(question.answer(subject));
    }
    return out;
}

std::string reverse_text(const std::vector<ReverseAnswer>& answers, const Style& style) {
    if (answers.empty()) return {};
    auto out = style.heading("Limits") + " (everything else as above)\n";
    for (const auto& answer : answers) out += answer.text;
    return out;
}

}  // namespace headroom::cli
