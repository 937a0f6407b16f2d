#include "planner/search/front.h"

#include <algorithm>

namespace headroom {

Candidate candidate(const PlanRequest& request) {
    const Estimate need = estimate(request);
    Candidate out{.request = request,
                  .memory = need.device,
                  .step = need.step,
                  .fits = need.fits,
                  .safe = need.safe};
    const auto& train = request.train;
    const double tokens = static_cast<double>(train.micro_batch * train.sequence *
                                              train.accumulation * request.layout.data);
    out.tokens_per_second = tokens / need.step.count();
    const Usd hour = request.hardware.usd_per_gpu_hour
                         ? *request.hardware.usd_per_gpu_hour
                         : default_price(request.hardware.profile).per_gpu_hour;
    const double hours = need.step.count() / 3600.0 * static_cast<double>(request.layout.world());
    out.usd_per_million_tokens = hour.count() * hours / tokens * 1e6;
    return out;
}

std::vector<std::size_t> front_of(const std::vector<Choice>& choices,
                                  const std::vector<Score>& scores,
                                  std::vector<std::size_t> indices, std::size_t limit) {
    const auto work = [&](std::size_t i) { return scores[i].step * choices[i].gpus; };
    std::ranges::sort(indices, [&](std::size_t a, std::size_t b) {
        return scores[a].bytes != scores[b].bytes ? scores[a].bytes < scores[b].bytes
                                                  : work(a) < work(b);
    });
    std::vector<std::size_t> front;
    double least = 1e300;
    for (const auto i : indices) {
        if (work(i) >= least) continue;
        least = work(i);
        front.push_back(i);
    }
    if (front.size() <= limit) return front;
    std::vector<std::size_t> spread;
    for (std::size_t n = 0; n < limit; ++n) {
        spread.push_back(front[n * (front.size() - 1) / (limit - 1)]);
    }
    return spread;
}

std::vector<Candidate> pareto(std::vector<Candidate> candidates) {
    const auto beats = [](const Candidate& a, const Candidate& b) {
        const bool no_worse = a.memory <= b.memory && a.step <= b.step &&
                              a.usd_per_million_tokens <= b.usd_per_million_tokens;
        const bool better = a.memory < b.memory || a.step < b.step ||
                            a.usd_per_million_tokens < b.usd_per_million_tokens;
        return no_worse && better;
    };
    std::vector<Candidate> front;
    for (const auto& one : candidates) {
        const bool beaten = std::ranges::any_of(
            candidates, [&](const Candidate& other) { return beats(other, one); });
        const bool twin = std::ranges::any_of(front, [&](const Candidate& other) {
            return other.memory == one.memory && other.step == one.step;
        });
        if (!beaten && !twin) front.push_back(one);
    }
    std::ranges::stable_sort(front, {}, [](const Candidate& c) { return c.step; });
    return front;
}

}  // namespace headroom
