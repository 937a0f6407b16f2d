#include "planner/score/weak_scaling.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "planner/base/json.h"

namespace headroom {
namespace {

constexpr std::size_t kShortest = 3;
constexpr std::int64_t kLargestAtLeast = 512;

/// What the runs of a series have in common.
std::string series_of(const ScoredRow& row) {
    Json key = row.row->setup;
    for (const auto* name : {"dp", "global_batch", "samples", "notes"}) key.erase(name);
    return row.row->group + row.row->model_name + row.row->gpu_key + key.dump();
}

}  // namespace

WeakScaling weak_scaling(const ScoredRows& rows, std::string_view group) {
    std::map<std::string, std::vector<const ScoredRow*>> series;
    for (const auto& row : rows.scored) {
        if (row.seconds && row.row->group == group) series[series_of(row)].push_back(&row);
    }
    const auto gpus = [](const ScoredRow* row) { return row->expressed.request.hardware.gpus; };
    WeakScaling out;
    std::vector<double> errors;
    for (auto& [key, members] : series) {
        std::ranges::sort(members, {}, gpus);
        if (members.size() < kShortest || gpus(members.back()) < kLargestAtLeast) continue;
        ++out.series;
        const Figure& first = *members.front()->seconds;
        for (std::size_t i = 1; i < members.size(); ++i) {
            const Figure& each = *members[i]->seconds;
            const double predicted = each.predicted / first.predicted;
            const double measured = each.measured / first.measured;
            errors.push_back(std::abs(predicted / measured - 1.0));
        }
    }
    if (errors.empty()) return out;
    std::ranges::sort(errors);
    out.rows = static_cast<std::int64_t>(errors.size());
    out.median = errors[errors.size() / 2];
    out.max = errors.back();
    return out;
}

}  // namespace headroom
