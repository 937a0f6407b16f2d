#include "planner/cli/report_search.h"

#include <fmt/format.h>

#include <algorithm>

#include "planner/base/json.h"
#include "planner/cli/report.h"
#include "planner/cli/table.h"
#include "planner/plan/plan_json.h"

namespace headroom::cli {
namespace {

constexpr std::size_t kFrontShown = 8;
constexpr std::size_t kNeighboursShown = 16;

std::string paid(Seconds time) { return time == Seconds{} ? "" : signed_time(time); }

std::string fit_mark(bool fits, const Style& style) {
    return fits ? style.good("fits") : style.bad("no");
}

std::string front_text(const SearchResult& result, const Style& style) {
    Table table({Align::right, Align::right, Align::right, Align::right, Align::left});
    table.add({"GiB a GPU", "step", "tokens/s", "$ a million", "differs from the plan by"});
    std::size_t shown = 0;
    for (const auto& each : result.front) {
        if (shown++ == kFrontShown) break;
        const auto differs = settings_beside(each.request, result.best->request);
        table.add({gib(each.memory), to_string(each.step), rounded(each.tokens_per_second),
                   usd_figure(each.usd_per_million_tokens),
                   differs.empty() ? "(the plan)" : differs});
    }
    const auto more = result.front.size() - std::min(result.front.size(), kFrontShown);
    return style.heading("Alternatives") + " (nothing is better in memory, time and price at once" +
           (more == 0 ? std::string() : fmt::format("; {} more with --json", more)) + ")\n" +
           table.text();
}

std::string neighbours_text(const SearchResult& result, const Style& style) {
    if (result.neighbours.empty()) return {};
    Table table({Align::left, Align::right, Align::right, Align::left});
    table.add({"instead", "GiB a GPU", "step", "lacks"});
    std::size_t shown = 0;
    for (const auto& each : result.neighbours) {
        if (shown++ == kNeighboursShown) break;
        table.add({fmt::format("{}={}", each.knob, each.value), gib(each.memory),
                   to_string(each.step), each.lacks});
    }
    return fmt::format("\n{} (one setting away)\n{}", style.heading("Why not"), table.text());
}

std::string effort_text(const SearchResult& result) {
    return fmt::format(
        "{} configurations: {} ruled out by bounds, {} evaluated from {} step "
        "graphs, in {}\n",
        with_thousands(result.space), with_thousands(result.bounded),
        with_thousands(result.evaluated), with_thousands(result.lowered), to_string(result.took));
}

std::string nothing_fits(const SearchRequest& request, const SearchResult& result,
                         const Style& style) {
    return subject_text(request.base, style) + "\n" + style.bad("Nothing fits") + "\n" +
           (result.nearest.empty() ? std::string() : wrapped("closest: " + result.nearest, 2));
}

Json candidate_json(const Candidate& candidate) {
    return {{"request", to_json(candidate.request)},
            {"memory_bytes", candidate.memory.count()},
            {"step_seconds", candidate.step.count()},
            {"tokens_per_second", candidate.tokens_per_second},
            {"usd_per_million_tokens", candidate.usd_per_million_tokens},
            {"fits", candidate.fits}};
}

Json neighbour_json(const Neighbour& neighbour) {
    return {{"knob", neighbour.knob},
            {"value", neighbour.value},
            {"lacks", neighbour.lacks},
            {"fits", neighbour.fits},
            {"memory_bytes", neighbour.memory.count()},
            {"step_seconds", neighbour.step.count()}};
}

}  // namespace

std::string ladder_text(const Ladder& ladder, const Style& style) {
    Table table({Align::left, Align::right, Align::right, Align::right, Align::right, Align::left,
                 Align::left});
    table.add({"rung", "GiB a GPU", "buys", "step", "costs", "", ""});
    for (std::size_t i = 0; i < ladder.rungs.size(); ++i) {
        const auto& rung = ladder.rungs[i];
        if (rung.memory == Bytes{}) {
            table.add({rung.name, "-", "", "-", "", "", rung.note});  // it cannot apply here
            continue;
        }
        const bool first = ladder.first_fit == i;
        table.add({rung.name, gib(rung.memory), i == 0 ? "" : gib(rung.bought),
                   to_string(rung.step), i == 0 ? "" : paid(rung.paid),
                   fit_mark(rung.fits, style) + (first ? " ◀ first" : ""), rung.note});
    }
    return style.heading("Ladder") +
           " (each rung on top of the one before, a sequence a GPU; GiB)\n" + table.text();
}

std::string search_text(const SearchRequest& request, const SearchResult& result,
                        const Style& style) {
    auto out = result.best ? plan_text(*result.best, style) : nothing_fits(request, result, style);
    if (!result.ladder.rungs.empty()) out.append("\n").append(ladder_text(result.ladder, style));
    if (result.best) {
        out.append("\n").append(front_text(result, style)).append(neighbours_text(result, style));
    }
    return out + "\n" + style.faint(effort_text(result));
}

Json ladder_json(const Ladder& ladder) {
    Json out = Json::array();
    for (const auto& rung : ladder.rungs) {
        out.push_back({{"name", rung.name},
                       {"request", to_json(rung.request)},
                       {"memory_bytes", rung.memory.count()},
                       {"bought_bytes", rung.bought.count()},
                       {"step_seconds", rung.step.count()},
                       {"paid_seconds", rung.paid.count()},
                       {"fits", rung.fits},
                       {"note", rung.note}});
    }
    return out;
}

Json search_json(const SearchResult& result) {
    Json out{{"format", 1},
             {"best", nullptr},
             {"front", Json::array()},
             {"neighbours", Json::array()},
             {"ladder", ladder_json(result.ladder)},
             {"nearest", result.nearest},
             {"search",
              {{"space", result.space},
               {"bounded", result.bounded},
               {"evaluated", result.evaluated},
               {"lowered", result.lowered},
               {"seconds", result.took.count()}}}};
    if (result.best) out["best"] = to_json(*result.best);
    for (const auto& each : result.front) out["front"].push_back(candidate_json(each));
    for (const auto& each : result.neighbours) out["neighbours"].push_back(neighbour_json(each));
    return out;
}

}  // namespace headroom::cli
