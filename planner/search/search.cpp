#include "planner/search/search.h"

#include <fmt/format.h>
#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <tbb/parallel_invoke.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <numeric>
#include <span>
#include <string_view>

#include "planner/base/error.h"
#include "planner/search/front.h"
#include "planner/search/neighbours.h"
#include "planner/search/rank.h"

namespace headroom {
namespace {

/// The ranking is a few percent off: so much over capacity is still looked at.
constexpr double kMemorySlack = 1.05;
/// A gain below this is no reason to leave what was found.
constexpr double kWorthwhile = 0.9995;
constexpr int kMostSteps = 16;
/// Configurations predicted from their own graphs before the ranking is trusted.
constexpr std::size_t kExact = 24;
constexpr std::size_t kMostExact = 160;
constexpr std::size_t kFrontExact = 12;

/// The request without what no graph depends on: sources, prices and notes are most of its size.
SearchRequest without_texts(const SearchRequest& request) {
    SearchRequest lean = request;
    auto& gpu = lean.base.hardware.profile;
    gpu.sources.clear();
    gpu.prices.clear();
    gpu.aliases.clear();
    gpu.notes.clear();
    gpu.node.sources.clear();
    return lean;
}

class Searcher {
public:
    Searcher(const SearchRequest& request, std::stop_token stop, const Progress& progress)
        : request_(request),
          stop_(std::move(stop)),
          progress_(progress),
          ranker_(request),
          lean_(without_texts(request)) {}

    SearchResult run() {
        const auto begin = std::chrono::steady_clock::now();
        space_ = enumerate(request_);
        result_.space = static_cast<std::int64_t>(space_.choices.size());
        bound();
        profile_keys();
        score_all();
        if (!stop_.stop_requested()) choose();
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
        result_.took = Seconds{took.count()};
        return std::move(result_);
    }

private:
    [[nodiscard]] double capacity() const {
        return request_.base.hardware.profile.memory_capacity.real();
    }

    /// Rules out what cannot hold its own states; the keys that are left need a graph.
    void bound() {
        scores_.assign(space_.choices.size(), Score{.bytes = kImpossible});
        needed_.assign(space_.keys.size(), -1);
        for (std::size_t i = 0; i < space_.choices.size(); ++i) {
            const Choice& choice = space_.choices[i];
            if (ranker_.least_bytes(choice) > capacity()) {
                ++result_.bounded;
                continue;
            }
            alive_.push_back(i);
            auto& first = needed_[static_cast<std::size_t>(choice.key)];
            if (first < 0) first = static_cast<std::int64_t>(i);
        }
    }

    void profile_keys() {
        profiles_.resize(space_.keys.size());
        std::vector<std::size_t> segments;
        std::vector<std::size_t> own;
        for (std::size_t k = 0; k < space_.keys.size(); ++k) {
            if (needed_[k] < 0) continue;
            const auto option = space_.keys[k].recompute;
            const bool listed = option < recompute_options().size();
            const bool several = listed && is_segmented(recompute_options()[option]);
            (several ? segments : own).push_back(k);
        }
        tbb::parallel_for(std::size_t{0}, own.size(), [&](std::size_t n) {
            if (!stop_.stop_requested()) profiles_[own[n]] = profile_of(own[n], std::nullopt);
        });
        for (const auto k : segments) {
            profiles_[k] =
                segmented(sibling(k, RecomputeMode::none), sibling(k, RecomputeMode::layer));
        }
        result_.lowered += 4 * static_cast<std::int64_t>(own.size());
        if (progress_) progress_(result_.space / 2, result_.space);
    }

    KeyProfile profile_of(std::size_t key, std::optional<std::uint8_t> option) {
        Choice choice = space_.choices[static_cast<std::size_t>(needed_[key])];
        if (option) choice.recompute = *option;
        return key_profile(lean_, choice);
    }

    /// The profile of the same key with another recomputation: there already, or lowered now.
    KeyProfile sibling(std::size_t key, RecomputeMode mode) {
        const auto& options = recompute_options();
        const auto found = std::ranges::find(options, mode, &RecomputeSpec::mode);
        GraphKey wanted = space_.keys[key];
        wanted.recompute = static_cast<std::uint8_t>(found - options.begin());
        // Copies of activations in host memory exist only beside recomputation.
        if (mode == RecomputeMode::none) wanted.activations = false;
        const auto at = std::ranges::find(space_.keys, wanted);
        if (at != space_.keys.end()) {
            const auto& profile = profiles_[static_cast<std::size_t>(at - space_.keys.begin())];
            if (profile.usable) return profile;
        }
        return profile_of(key, wanted.recompute);
    }

    void score_all() {
        constexpr std::size_t kGrain = 4096;
        tbb::parallel_for(tbb::blocked_range<std::size_t>(0, alive_.size(), kGrain),
                          [&](const auto& range) {
                              for (auto a = range.begin(); a != range.end(); ++a) {
                                  const Choice& choice = space_.choices[alive_[a]];
                                  const auto& key = profiles_[static_cast<std::size_t>(choice.key)];
                                  if (key.usable) scores_[alive_[a]] = ranker_.score(choice, key);
                              }
                          });
        result_.evaluated = static_cast<std::int64_t>(alive_.size());
        if (progress_) progress_(result_.space, result_.space);
    }

    [[nodiscard]] bool may_fit(const Choice& choice, const Score& score) const {
        const auto& node = request_.base.hardware.profile.node;
        const double ranks = static_cast<double>(
            std::min<std::int64_t>(choice.gpus, std::max<std::int64_t>(node.gpus, 1)));
        return score.bytes <= capacity() * kMemorySlack &&
               score.host * ranks <= node.host_ram.real() * kMemorySlack &&
               score.nvme * ranks <= node.nvme_capacity.real() * kMemorySlack;
    }

    [[nodiscard]] double aim_value(const Choice& choice, const Score& score) const {
        switch (request_.aim) {
            case Aim::time:
                return score.step;
            case Aim::cost:
                return score.step * choice.gpus;
            case Aim::memory:
                return score.bytes;
        }
        return score.step;
    }

    void choose() {
        std::vector<std::size_t> order;
        for (const auto i : alive_) {
            if (may_fit(space_.choices[i], scores_[i])) order.push_back(i);
        }
        const auto better = [&](std::size_t a, std::size_t b) {
            const double x = aim_value(space_.choices[a], scores_[a]);
            const double y = aim_value(space_.choices[b], scores_[b]);
            return x != y ? x < y : a < b;
        };
        const std::size_t head = std::min(order.size(), kMostExact);
        std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(head),
                          order.end(), better);
        std::span<const std::size_t> left = order;
        for (std::size_t seen = 0; seen < kMostExact && !left.empty() && !best_;) {
            if (stop_.stop_requested()) break;
            const auto steps = next_legal(left, kExact);
            seen += steps.size();
            consider(evaluate(steps));
        }
        consider(evaluate(legal(spread_front())));
        climb();
        // Nothing fits with certainty: the best that fits as expected, marked as tight.
        if (!best_ && !candidates_.empty()) {
            best_ = *std::ranges::min_element(
                candidates_, {}, [&](const Candidate& one) { return exact_value(one); });
        }
        finish();
    }

    /// Keeps what fits; the best of what does so with certainty is the answer so far. Whether it
    /// is another one than before.
    bool consider(std::vector<Candidate> found) {
        bool better = false;
        for (auto& exact : found) {
            if (!exact.fits) continue;
            if (const auto cost = over_budget(exact)) {
                cheapest_ = cheapest_ ? std::min(*cheapest_, *cost) : *cost;
                continue;
            }
            if (exact.safe && (!best_ || exact_value(exact) < exact_value(*best_) * kWorthwhile)) {
                best_ = exact;
                better = true;
            }
            candidates_.push_back(std::move(exact));
        }
        return better;
    }

    /// Configurations spread over the ranked front of memory and time.
    [[nodiscard]] std::vector<std::size_t> spread_front() const {
        std::vector<std::size_t> fitting;
        for (const auto i : alive_) {
            if (may_fit(space_.choices[i], scores_[i])) fitting.push_back(i);
        }
        return front_of(space_.choices, scores_, std::move(fitting), kFrontExact);
    }

    /// From neighbour to better neighbour: what the ranking got wrong by one knob is put right.
    void climb() {
        bool better = best_.has_value();
        for (int step = 0; better && step < kMostSteps && !stop_.stop_requested(); ++step) {
            auto steps = steps_from(best_->request, request_.pinned, request_.able);
            // How the loss runs is no setting that a search turns.
            std::erase_if(steps,
                          [](const Step& one) { return one.knob == std::string_view("loss"); });
            better = consider(evaluate(steps));
        }
    }

    [[nodiscard]] double exact_value(const Candidate& candidate) const {
        switch (request_.aim) {
            case Aim::time:
                return candidate.step.count();
            case Aim::cost:
                return candidate.usd_per_million_tokens > 0.0
                           ? candidate.usd_per_million_tokens
                           : candidate.step.count() *
                                 static_cast<double>(candidate.request.hardware.gpus);
            case Aim::memory:
                return candidate.memory.real();
        }
        return candidate.step.count();
    }

    /// What the run costs, where that is more than the budget.
    [[nodiscard]] std::optional<Usd> over_budget(const Candidate& candidate) const {
        if (!request_.budget || request_.base.train.tokens == 0) return std::nullopt;
        const double millions = static_cast<double>(request_.base.train.tokens) / 1e6;
        const Usd cost{candidate.usd_per_million_tokens * millions};
        return cost > *request_.budget ? std::optional(cost) : std::nullopt;
    }

    /// Takes the first `most` legal choices off a list of choices.
    std::vector<Step> next_legal(std::span<const std::size_t>& left, std::size_t most) {
        std::vector<Step> found;
        while (!left.empty() && found.size() < most) {
            Step step{"", with(request_, space_.choices[left.front()])};
            left = left.subspan(1);
            try {
                validate(step.request);
                found.push_back(std::move(step));
            } catch (const InputError& error) {
                // A combination that the request's own rules exclude.
                if (!refusal_) refusal_ = error;
            }
        }
        return found;
    }

    std::vector<Step> legal(std::span<const std::size_t> choices) {
        return next_legal(choices, choices.size());
    }

    std::vector<Candidate> evaluate(std::span<const Step> steps) {
        std::vector<Candidate> found(steps.size());
        tbb::parallel_for(std::size_t{0}, steps.size(),
                          [&](std::size_t n) { found[n] = candidate(steps[n].request); });
        result_.lowered += 2 * static_cast<std::int64_t>(found.size());
        return found;
    }

    void finish() {
        if (!best_) {
            result_.ladder = ladder(request_.base);
            explain_shortage();
            return;
        }
        tbb::parallel_invoke([&] { result_.ladder = ladder(request_.base); },
                             [&] {
                                 result_.best = predict(best_->request);
                                 result_.neighbours =
                                     neighbours(*result_.best, request_.pinned, request_.able);
                             });
        result_.front = pareto(std::move(candidates_));
    }

    /// Nothing fits: the configuration that needs least, and what it lacks. Where no configuration
    /// is legal, the request itself is not.
    void explain_shortage() {
        if (space_.choices.empty()) {
            result_.nearest =
                "no combination of the pinned knobs divides the GPUs, heads and batch";
            return;
        }
        if (cheapest_) {
            result_.nearest = fmt::format("the cheapest run that fits costs {}, the budget is {}",
                                          to_string(*cheapest_), to_string(*request_.budget));
            return;
        }
        std::vector<std::size_t> order(space_.choices.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::ranges::sort(order, {}, [&](std::size_t i) { return least_need(i); });
        std::span<const std::size_t> left = order;
        const auto closest = evaluate(next_legal(left, 1));
        if (closest.empty()) {
            if (refusal_ && !stop_.stop_requested()) throw InputError(*refusal_);
            return;
        }
        const Bytes missing =
            closest.front().memory - request_.base.hardware.profile.memory_capacity;
        result_.nearest =
            missing > Bytes{}
                ? "the smallest configuration needs " + to_string(missing) + " more device memory"
                : "the smallest configuration needs more host memory or drives than the node has";
    }

    [[nodiscard]] double least_need(std::size_t i) const {
        return scores_[i].bytes < kImpossible ? scores_[i].bytes
                                              : ranker_.least_bytes(space_.choices[i]);
    }

    static constexpr double kImpossible = 1e300;

    const SearchRequest& request_;
    std::stop_token stop_;
    const Progress& progress_;
    Ranker ranker_;
    SearchRequest lean_;  ///< copied for every graph
    Space space_{};
    std::vector<Score> scores_{};
    std::vector<std::size_t> alive_{};
    std::vector<std::int64_t> needed_{};
    std::vector<KeyProfile> profiles_{};
    std::vector<Candidate> candidates_{};
    std::optional<InputError> refusal_{};  ///< of the first choice that is not legal
    std::optional<Usd> cheapest_{};        ///< of those that fit and cost more than the budget
    std::optional<Candidate> best_{};      ///< of those that fit with certainty
    SearchResult result_{};
};

}  // namespace

namespace {

/// A detail of recomputation that is pinned without its mode asks for the mode that has it.
SearchRequest with_implied_mode(const SearchRequest& request) {
    SearchRequest out = request;
    if (is_pinned(request, "recompute")) return out;
    if (is_pinned(request, "recompute_ops")) out.base.recompute.mode = RecomputeMode::selective;
    if (is_pinned(request, "recompute_every")) out.base.recompute.mode = RecomputeMode::every;
    return out;
}

}  // namespace

SearchResult search(const SearchRequest& request, std::stop_token stop, const Progress& progress) {
    const SearchRequest asked = with_implied_mode(request);
    return Searcher(asked, std::move(stop), progress).run();
}

}  // namespace headroom
