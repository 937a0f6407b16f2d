#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/cpu/dispatch.h"
#include "kernels/cpu/elements.h"
#include "kernels/cpu/permute.h"
#include "kernels/cpu/runs.h"
#include "kernels/cpu/slices.h"
#include "kernels/cpu_table.h"

namespace headroom {
namespace {

/// The scores of one token by what is kept of it. Probabilities are the softmax of its logits for
/// both kinds: a sigmoid follows from one and the log of the sum, and is exact at both ends.
template <class S>
struct Scores {
    ScoreKind kind = ScoreKind::softmax;
    const S* kept = nullptr;
    double rest = 0.0;   ///< exp(-lse), of a sigmoid
    double total = 1.0;  ///< of all experts

    Scores(ScoreKind score, const S* probabilities, std::int64_t experts, S lse)
        : kind(score), kept(probabilities) {
        if (kind == ScoreKind::softmax) return;
        rest = std::exp(-static_cast<double>(lse));
        total = 0.0;
        for (std::int64_t e = 0; e < experts; ++e) total += (*this)[e];
    }
    [[nodiscard]] double probability(std::int64_t e) const { return static_cast<double>(kept[e]); }
    double operator[](std::int64_t e) const {
        const double p = probability(e);
        return kind == ScoreKind::softmax ? p : p / (p + rest);
    }
    /// d score / d logit, but for what centres a softmax's.
    [[nodiscard]] double slope(std::int64_t e) const {
        const double p = probability(e);
        return kind == ScoreKind::softmax ? p : (*this)[e] * rest / (p + rest);
    }
};

/// Calls visit(S{}) with the type that a router's values are kept in.
template <class Visit>
void with_stats(DType dtype, const Visit& visit) {
    if (dtype == DType::f64) return visit(double{});
    visit(float{});
}

/// Probabilities of one token; returns the log of the sum of exponentials.
template <class L, class S>
S softmax(const L* logits, S* probability, std::int64_t experts) {
    S top = -std::numeric_limits<S>::infinity();
    for (std::int64_t e = 0; e < experts; ++e) top = std::max(top, static_cast<S>(load(logits[e])));
    S sum{};
    for (std::int64_t e = 0; e < experts; ++e) {
        probability[e] = std::exp(static_cast<S>(load(logits[e])) - top);
        sum += probability[e];
    }
    for (std::int64_t e = 0; e < experts; ++e) probability[e] /= sum;
    return top + std::log(sum);
}

/// The k largest logits in falling order; of equal ones the lowest expert first, NaN last.
template <class L>
void choose(const L* logits, std::int64_t experts, std::int64_t k, std::int32_t* chosen) {
    using C = Compute<L>;
    constexpr C kLowest = -std::numeric_limits<C>::infinity();
    const auto logit = [&](std::int64_t e) {
        const C value = load(logits[e]);
        return std::isnan(value) ? kLowest : value;
    };
    std::int64_t last = -1;
    for (std::int64_t i = 0; i < k; ++i) {
        std::int64_t best = -1;
        for (std::int64_t e = 0; e < experts; ++e) {
            const bool taken =
                last >= 0 && (logit(e) > logit(last) || (logit(e) == logit(last) && e <= last));
            if (!taken && (best < 0 || logit(e) > logit(best))) best = e;
        }
        chosen[i] = static_cast<std::int32_t>(best);
        last = best;
    }
}

template <class S>
void weigh(const TopK& op, const Scores<S>& score, const std::int32_t* chosen, S* weight) {
    double sum = 0.0;
    for (std::int64_t i = 0; i < op.k; ++i) sum += score[chosen[i]];
    const double scale = op.scale / (op.normalize ? sum : 1.0);
    for (std::int64_t i = 0; i < op.k; ++i) weight[i] = static_cast<S>(scale * score[chosen[i]]);
}

/// How many of all choices fell on each expert; `counts` holds as many as there are experts.
void count_choices(const TensorView& chosen, std::int64_t experts, std::int64_t* counts) {
    std::fill_n(counts, experts, 0);
    const std::int32_t* expert = chosen.as<std::int32_t>();
    for (std::int64_t i = 0; i < chosen.count(); ++i) ++counts[expert[i]];
}

/// experts * sum over e of (choices of e / tokens) * (mean share of e in a token's scores).
/// Switch Transformers and, for a sigmoid, DeepSeek-V3; 1 per choice when balanced.
template <class S>
double balance_loss(ScoreKind kind, const Launch& launch) {
    constexpr std::int64_t kTokens = 1024;
    const TensorView& probability = launch.out[0];
    const std::int64_t tokens = probability.rows();
    const std::int64_t experts = probability.columns();
    const std::int64_t blocks = (tokens + kTokens - 1) / kTokens;
    auto* counts = Slices(launch).take<std::int64_t>(experts * (1 + blocks));
    auto* shares = reinterpret_cast<double*>(counts + experts);
    count_choices(launch.out[2], experts, counts);
#pragma omp parallel for schedule(static) if (blocks > 1)
    for (std::int64_t b = 0; b < blocks; ++b) {
        double* share = shares + b * experts;
        std::fill_n(share, experts, 0.0);
        for (std::int64_t t = b * kTokens; t < std::min((b + 1) * kTokens, tokens); ++t) {
            const Scores<S> score(kind, row<S>(probability, t), experts, launch.out[3].as<S>()[t]);
            for (std::int64_t e = 0; e < experts; ++e) {
                share[e] += score[e] / score.total;
            }
        }
    }
    double loss = 0.0;
    for (std::int64_t e = 0; e < experts; ++e) {
        double share = 0.0;
        for (std::int64_t b = 0; b < blocks; ++b) share += shares[b * experts + e];
        loss += static_cast<double>(counts[e]) * share;
    }
    const auto n = static_cast<double>(tokens);
    return static_cast<double>(experts) * loss / (n * n);
}

/// mean(lse^2)
template <class S>
double z_loss(const TensorView& lse) {
    double sum = 0.0;
    for (std::int64_t t = 0; t < lse.count(); ++t) {
        const auto value = static_cast<double>(lse.as<S>()[t]);
        sum += value * value;
    }
    return sum / static_cast<double>(lse.count());
}

/// logits (T, E) -> (probabilities (T, E), weights (T, k), experts (T, k), lse (T))
void top_k_cpu(const TopK& op, const Launch& launch) {
    const TensorView& logits = launch.in[0];
    const std::int64_t experts = logits.columns();
    with_stats(launch.out[0].dtype, [&]<class S>(S) {
        with_float(logits.dtype, [&]<class L>(L) {
#pragma omp parallel for schedule(static) if (logits.count() >= kParallelElements)
            for (std::int64_t t = 0; t < logits.rows(); ++t) {
                const L* in = row<L>(logits, t);
                S* probability = row<S>(launch.out[0], t);
                std::int32_t* chosen = row<std::int32_t>(launch.out[2], t);
                const S lse = softmax(in, probability, experts);
                launch.out[3].as<S>()[t] = lse;
                choose(in, experts, op.k, chosen);
                weigh(op, Scores<S>(op.score, probability, experts, lse), chosen,
                      row<S>(launch.out[1], t));
            }
        });
        if (launch.results == nullptr) return;
        double& sum = launch.results->auxiliary_sum;
        if (op.aux != 0.0) sum += op.aux * balance_loss<S>(op.score, launch);
        if (op.z != 0.0) sum += op.z * z_loss<S>(launch.out[3]);
    });
    count_vector(launch, 6 * logits.count());
}

/// d loss / d(scores of the chosen): by expert, 0 for others.
template <class D>
struct ChosenGradient {
    const std::int32_t* expert = nullptr;
    const D* dweight = nullptr;
    std::int64_t k = 0;
    double scale = 1.0;  ///< of weights per score
    double mean = 0.0;   ///< what normalising subtracts

    template <class S>
    ChosenGradient(const TopKGrad& op, const Scores<S>& score, const std::int32_t* chosen,
                   const D* gradient, std::int64_t count)
        : expert(chosen), dweight(gradient), k(count), scale(op.scale) {
        if (!op.normalize) return;
        double sum = 0.0;
        for (std::int64_t i = 0; i < k; ++i) {
            sum += score[expert[i]];
            mean += score[expert[i]] * static_cast<double>(load(dweight[i]));
        }
        mean /= sum;
        scale /= sum;
    }
    double operator[](std::int64_t e) const {
        for (std::int64_t i = 0; i < k; ++i) {
            if (expert[i] == e) return scale * (static_cast<double>(load(dweight[i])) - mean);
        }
        return 0.0;
    }
};

/// d(scaled losses) / d(share of an expert) and d / d(lse^2), of every token alike.
struct LossGradient {
    double share = 0.0;  ///< times the choices that fell on the expert
    double lse = 0.0;    ///< times the log of the sum
    const std::int64_t* counts = nullptr;

    LossGradient(const TopKGrad& op, const Launch& launch) {
        const TensorView& probability = launch.in[0];
        const auto tokens = static_cast<double>(probability.rows());
        const auto experts = probability.columns();
        const double scale = static_cast<double>(launch.scalars->auxiliary_scale);
        lse = 2.0 * op.z * scale / tokens;
        if (op.aux == 0.0) return;
        share = op.aux * scale * static_cast<double>(experts) / (tokens * tokens);
        auto* filled = Slices(launch).take<std::int64_t>(experts);
        count_choices(launch.in[2], experts, filled);
        counts = filled;
    }
    [[nodiscard]] double of_share(std::int64_t e) const {
        return counts == nullptr ? 0.0 : share * static_cast<double>(counts[e]);
    }
};

/// One token: probabilities become the gradient of its logits.
template <class S, class D>
void token_gradient(const Scores<S>& score, const ChosenGradient<D>& chosen,
                    const LossGradient& losses, S lse, std::int64_t experts, S* dlogits) {
    double mean_share = 0.0;
    for (std::int64_t e = 0; e < experts; ++e) mean_share += losses.of_share(e) * score[e];
    mean_share /= score.total;
    double mean = 0.0;  // the gradient of a softmax is centred
    if (score.kind == ScoreKind::softmax) {
        for (std::int64_t i = 0; i < chosen.k; ++i) {
            mean += chosen[chosen.expert[i]] * score[chosen.expert[i]];
        }
    }
    const double of_lse = losses.lse * static_cast<double>(lse);
    for (std::int64_t e = 0; e < experts; ++e) {
        const double of_share = (losses.of_share(e) - mean_share) / score.total;
        const double of_score = of_share + chosen[e] - mean;
        dlogits[e] = static_cast<S>(score.slope(e) * of_score + of_lse * score.probability(e));
    }
}

/// (probabilities, weights, experts, lse, dweights) -> dlogits (T, E) over probabilities
void top_k_grad_cpu(const TopKGrad& op, const Launch& launch) {
    const TensorView& probability = launch.in[0];
    const TensorView& dweights = launch.in[4];
    const std::int64_t experts = probability.columns();
    const LossGradient losses(op, launch);
    with_stats(probability.dtype, [&]<class S>(S) {
        with_float(dweights.dtype, [&]<class D>(D) {
#pragma omp parallel for schedule(static) if (probability.count() >= kParallelElements)
            for (std::int64_t t = 0; t < probability.rows(); ++t) {
                const S lse = launch.in[3].as<S>()[t];
                const Scores<S> score(op.score, row<S>(probability, t), experts, lse);
                const ChosenGradient<D> chosen(op, score, row<std::int32_t>(launch.in[2], t),
                                               row<D>(dweights, t), dweights.columns());
                token_gradient(score, chosen, losses, lse, experts, row<S>(launch.out[0], t));
            }
        });
    });
    count_vector(launch, 6 * probability.count());
}

}  // namespace

void add_routing_rows(KernelTable& table) {
    set_row<top_k_cpu>(table);
    set_row<top_k_grad_cpu>(table);
    set_row<permute_cpu>(table);
    set_row<permute_grad_cpu>(table);
    set_row<unpermute_cpu>(table);
    set_row<unpermute_grad_cpu>(table);
}

}  // namespace headroom
