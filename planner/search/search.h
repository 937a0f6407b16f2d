#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "planner/plan/plan.h"
#include "planner/spec/abilities.h"

namespace headroom {

/// What to look for. `base` gives model, hardware, sequence, precision and every pinned knob;
/// the rest of the joint space is searched.
struct SearchRequest {
    PlanRequest base{};
    Aim aim = Aim::time;
    std::int64_t global_batch = 0;      ///< sequences a step; 0: chosen
    std::optional<Usd> budget{};        ///< of the whole run; needs base.train.tokens
    std::vector<std::string> pinned{};  ///< names of knobs whose value in `base` stays
    Abilities able{};                   ///< of whoever runs the plan
};

/// One configuration that was evaluated in full.
struct Candidate {
    PlanRequest request{};
    Bytes memory{};  ///< worst rank, expected
    Seconds step{};
    double tokens_per_second = 0.0;
    double usd_per_million_tokens = 0.0;
    bool fits = false;
    bool safe = false;  ///< fits at the high end of the band too
};

/// A configuration one knob away from the best, and what it lacks.
struct Neighbour {
    std::string knob{};
    std::string value{};
    std::string lacks{};  ///< "needs 12.3 GiB more", "31 % slower", "costs 1.2x"
    bool fits = false;
    bool safe = false;  ///< fits at the high end of the band too
    Bytes memory{};
    Seconds step{};
};

/// One step of the article's ladder.
struct Rung {
    std::string name{};
    PlanRequest request{};
    Bytes memory{};  ///< worst rank, expected
    Bytes bought{};  ///< less than the rung before
    Seconds step{};
    Seconds paid{};  ///< more than the rung before
    bool fits = false;
    bool skipped = false;  ///< it cannot apply here and changes nothing
    std::string note{};    ///< why it is skipped, or what of a node it is short of
};
struct Ladder {
    std::vector<Rung> rungs{};
    std::optional<std::size_t> first_fit{};
};

struct SearchResult {
    std::optional<Plan> best{};
    std::vector<Candidate> front{};  ///< memory x time x price, fastest first, the best included
    std::vector<Neighbour> neighbours{};
    Ladder ladder{};
    std::int64_t space = 0;      ///< configurations of the joint space
    std::int64_t bounded = 0;    ///< ruled out by a closed-form bound
    std::int64_t evaluated = 0;  ///< memory and time computed
    std::int64_t lowered = 0;    ///< step graphs lowered for them
    Seconds took{};
    std::string nearest{};  ///< nothing fits: what came closest and what it lacks
};

/// Called now and then with (done, space).
using Progress = std::function<void(std::int64_t, std::int64_t)>;

/// The best plan for an aim, the Pareto front, what neighbours lack, and the ladder.
SearchResult search(const SearchRequest& request, std::stop_token stop = {},
                    const Progress& progress = {});

/// The ladder for a request's model and hardware: mixed precision, checkpointing, ZeRO 1 to 3,
/// offload to CPU and NVMe; LoRA and QLoRA for adapting.
Ladder ladder(const PlanRequest& request);

/// The reverse questions, each holding everything else of the request; 0 or nothing when none fits.
/// The first two hold what they find to the high end of its band, as the search does.
std::int64_t longest_sequence(const PlanRequest& request);
std::int64_t largest_micro_batch(const PlanRequest& request);
struct FewestGpus {
    std::int64_t gpus = 0;
    std::optional<Plan> plan{};
};
/// Of powers of two, and between the last that is too few and the first that is enough, of every
/// eighth part.
FewestGpus fewest_gpus(const SearchRequest& request, std::int64_t limit = 16384);
struct GpuOffer {
    std::string gpu{};
    std::int64_t gpus = 0;
    Usd usd_per_hour{};
    Plan plan{};
};
/// GPUs of the catalogue on which the request fits, as many of each, halved from `limit` on, as
/// make its run cheapest; cheapest run first.
std::vector<GpuOffer> cheapest_gpus(const SearchRequest& request, const HardwareCatalog& catalog,
                                    std::int64_t limit = 64);

}  // namespace headroom
