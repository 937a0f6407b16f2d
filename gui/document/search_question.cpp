#include "gui/document/search_question.h"

#include <algorithm>
#include <string_view>

#include "gui/document/edits.h"
#include "planner/base/json.h"
#include "planner/cli/report_engine.h"
#include "planner/engine/abilities.h"
#include "planner/engine/forecast.h"
#include "planner/spec/knob.h"
#include "planner/spec/names.h"

namespace headroom::gui {
namespace {

constexpr double kMostDollars = 1e12;

bool holds(const std::vector<std::string>& names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
}

}  // namespace

SearchQuestion with_pin(SearchQuestion question, std::string_view knob, bool pinned) {
    std::vector<std::string> pins;
    for (const auto& each : knobs()) {
        const bool wanted = each.name == knob ? pinned : holds(question.pins, each.name);
        if (wanted) pins.emplace_back(each.name);
    }
    question.pins = std::move(pins);
    return question;
}

Json to_json(const SearchQuestion& question) {
    return {{"aim", name(question.aim)},
            {"hold_batch", question.batch == Batch::held},
            {"budget_usd", question.budget},
            {"pins", question.pins}};
}

SearchQuestion question_from_json(const JsonCursor& json) {
    json.only({"aim", "hold_batch", "budget_usd", "pins"});
    SearchQuestion out{.batch = json.boolean_or("hold_batch", false) ? Batch::held : Batch::chosen,
                       .budget = json.number_or("budget_usd", 0.0, 0.0, kMostDollars)};
    if (const auto words = json.find("aim")) {
        const auto aim = named<Aim>(words->string());
        if (!aim) words->fail("is none of time, cost, memory");
        out.aim = *aim;
    }
    if (const auto pins = json.find("pins")) {
        for (const auto& each : pins->elements()) {
            out = with_pin(std::move(out), knob(each.string(), each.pointer()).name, true);
        }
    }
    return out;
}

SearchRequest search_request(const Draft& draft) {
    const auto& question = draft.question;
    SearchRequest out{.base = draft.request,
                      .aim = question.aim,
                      .global_batch = question.batch == Batch::held ? batch_of(draft.request) : 0,
                      .pinned = question.pins};
    if (question.budget > 0.0) out.budget = Usd{question.budget};
    if (cli::names_framework(draft.request)) {
        out.able = abilities_of(engine_of(draft.request.engine));
    }
    return out;
}

}  // namespace headroom::gui
