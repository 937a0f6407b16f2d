#include "kernels/cuda_table.h"
#include "kernels/device/any_vector.cuh"
#include "kernels/device/refuse.h"
#include "kernels/device/token_scores.cuh"

namespace headroom {
namespace {

using namespace device;

struct TopKGradArguments {
    float* dlogits = nullptr;  ///< holds the probabilities
    const std::int32_t* chosen = nullptr;
    const float* lse = nullptr;
    AnyVector dweights{};
    const std::int32_t* counts = nullptr;  ///< null: no balance loss
    const StepScalars* scalars = nullptr;
    std::int64_t tokens = 0;
    int experts = 0;
    int k = 1;
    ScoreKind score = ScoreKind::softmax;
    bool normalize = true;
    double scale = 1.0;
    double share = 0.0;  ///< d / d(share of an expert) a choice, before the step's scale
    double z = 0.0;      ///< d / d(lse), the same, over lse

    [[nodiscard]] __device__ __forceinline__ double of_share(int expert, double step) const {
        return counts == nullptr ? 0.0 : step * share * static_cast<double>(counts[expert]);
    }
};

/// The gradient that reaches the score of this lane's choice (0 beyond the last).
__device__ __forceinline__ double choice_gradient(const TopKGradArguments& of, std::int64_t token,
                                                  int lane, double score) {
    const bool chosen = lane < of.k;
    const double dweight =
        chosen ? static_cast<double>(of.dweights.get<1>(token * of.k + lane)[0]) : 0.0;
    if (!of.normalize) return of.scale * dweight;
    const double sum = warp_sum(score);
    const double mean = warp_sum(score * dweight) / sum;
    return chosen ? of.scale / sum * (dweight - mean) : 0.0;
}

template <class Unused = void>
__global__ void __launch_bounds__(kTokenThreads) score_gradients(TopKGradArguments of) {
    const int lane = static_cast<int>(threadIdx.x);
    const auto step = static_cast<double>(of.scalars->auxiliary_scale);
    for (std::int64_t t = std::int64_t{blockIdx.x} * kTokenWarps + threadIdx.y; t < of.tokens;
         t += std::int64_t{gridDim.x} * kTokenWarps) {
        float* const row = of.dlogits + t * of.experts;
        const TokenScores scores(of.score, of.lse[t]);
        const int expert = lane < of.k ? of.chosen[t * of.k + lane] : -1;
        const double score = expert >= 0 ? scores.score(row[expert]) : 0.0;
        const double gradient = choice_gradient(of, t, lane, score);
        // The gradient of a softmax is centred.
        const double mean = of.score == ScoreKind::softmax ? warp_sum(gradient * score) : 0.0;
        const double total = scores.total(row, of.experts, lane);
        double mean_share = 0.0;
        for (int e = lane; of.counts != nullptr && e < of.experts; e += simt::kWarp) {
            mean_share += of.of_share(e, step) * scores.score(row[e]);
        }
        mean_share = warp_sum(mean_share) / total;
        const double of_lse = step * of.z * static_cast<double>(of.lse[t]);
        const int rounds = (of.experts + simt::kWarp - 1) / simt::kWarp;
        for (int round = 0; round < rounds; ++round) {
            const int e = round * simt::kWarp + lane;
            double of_score = -mean;
            for (int i = 0; i < of.k; ++i) {
                const int other = __shfl_sync(simt::kAllLanes, expert, i);
                const double its = __shfl_sync(simt::kAllLanes, gradient, i);
                if (other == e) of_score += its;
            }
            if (e >= of.experts) continue;
            of_score += (of.of_share(e, step) - mean_share) / total;
            const float p = row[e];
            row[e] =
                static_cast<float>(scores.slope(p) * of_score + of_lse * static_cast<double>(p));
        }
    }
}

void top_k_grad_cuda(const TopKGrad& op, const Launch& launch) {
    const TensorView& dweights = launch.in[4];
    TopKGradArguments of{.dlogits = launch.out[0].as<float>(),
                         .chosen = launch.in[2].as<const std::int32_t>(),
                         .lse = launch.in[3].as<const float>(),
                         .dweights = any_vector(dweights),
                         .scalars = launch.scalars,
                         .tokens = launch.in[0].rows(),
                         .experts = static_cast<int>(launch.in[0].columns()),
                         .k = static_cast<int>(dweights.columns()),
                         .score = op.score,
                         .normalize = op.normalize,
                         .scale = op.scale};
    if (of.tokens == 0) return;
    const auto n = static_cast<double>(of.tokens);
    of.z = 2.0 * op.z / n;
    if (op.aux != 0.0) {
        Slices slices(launch);
        of.share = op.aux * static_cast<double>(of.experts) / (n * n);
        of.counts = launch_count(launch, slices, launch.in[2], of.experts);
    }
    launch_kernel(score_gradients<>, {grid_for(divide_up(of.tokens, kTokenWarps))},
                  {simt::kWarp, kTokenWarps}, 0, launch.stream, of);
}

}  // namespace

void add_routing_grad_cuda_rows(KernelTable& table) { set_row<top_k_grad_cuda>(table, refuse_f64); }

}  // namespace headroom
