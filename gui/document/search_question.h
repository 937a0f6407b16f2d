#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "planner/base/json_fwd.h"
#include "planner/search/search.h"

namespace headroom::gui {

/// Whether every plan of a search takes as many sequences a step as the request.
enum class Batch : std::uint8_t { chosen, held };

/// What a search looks for, as far as the request does not say it.
struct SearchQuestion {
    Aim aim = Aim::time;
    Batch batch = Batch::chosen;
    double budget = 0.0;              ///< dollars of the whole run; 0: any
    std::vector<std::string> pins{};  ///< names of knobs, in the knob table's order
    bool operator==(const SearchQuestion&) const = default;
};

SearchQuestion with_pin(SearchQuestion question, std::string_view knob, bool pinned);

Json to_json(const SearchQuestion& question);
/// Throws InputError: unknown words and knobs, a budget below zero.
SearchQuestion question_from_json(const JsonCursor& json);

/// What a window edits, saves and undoes: the request and what is searched for around it.
struct Draft {
    PlanRequest request{};
    SearchQuestion question{};
    bool operator==(const Draft&) const = default;
};

/// Looks no further than whoever runs the plan can go.
SearchRequest search_request(const Draft& draft);

}  // namespace headroom::gui
