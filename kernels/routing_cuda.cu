#include "kernels/cuda_table.h"
#include "kernels/device/any_vector.cuh"
#include "kernels/device/column_sum.cuh"
#include "kernels/device/reduce.cuh"
#include "kernels/device/refuse.h"
#include "kernels/device/token_scores.cuh"
#include "planner/step/op/routing.h"

namespace headroom {
namespace {

using namespace device;

constexpr int kLossThreads = 1024;
constexpr float kLowest = -INFINITY;

/// An expert and its logit; of equal ones the lowest expert is the better.
struct Candidate {
    float logit = kLowest;
    int expert = -1;  ///< none

    [[nodiscard]] __device__ __forceinline__ bool before(const Candidate& other) const {
        if (expert < 0 || other.expert < 0) return other.expert < 0 && expert >= 0;
        return logit > other.logit || (logit == other.logit && expert < other.expert);
    }
};

/// The best expert that comes after `last`; every lane gets it.
__device__ __forceinline__ Candidate next_best(const float* logits, int experts, int lane,
                                               const Candidate& last) {
    Candidate best;
    for (int e = lane; e < experts; e += simt::kWarp) {
        const float logit = logits[e];
        const Candidate one{logit == logit ? logit : kLowest, e};  // NaN comes last
        if ((last.expert < 0 || last.before(one)) && one.before(best)) best = one;
    }
    for (int lanes = simt::kWarp / 2; lanes > 0; lanes /= 2) {
        Candidate other;
        other.logit = __shfl_xor_sync(simt::kAllLanes, best.logit, lanes);
        other.expert = __shfl_xor_sync(simt::kAllLanes, best.expert, lanes);
        if (other.before(best)) best = other;
    }
    return best;
}

struct TopKArguments {
    float* probabilities = nullptr;
    float* weights = nullptr;
    std::int32_t* chosen = nullptr;
    float* lse = nullptr;
    std::int64_t tokens = 0;
    int experts = 0;
    int k = 1;
    ScoreKind score = ScoreKind::softmax;
    bool normalize = true;
    double scale = 1.0;
};

/// Probabilities of one token's logits, over them in shared memory too; returns the log of the sum.
__device__ __forceinline__ float softmax(const float* logits, float* probability, int experts,
                                         int lane) {
    float top = kLowest;
    for (int e = lane; e < experts; e += simt::kWarp) top = fmaxf(top, logits[e]);
    top = warp_max(top);
    float sum = 0.0F;
    for (int e = lane; e < experts; e += simt::kWarp) sum += expf(logits[e] - top);
    sum = warp_sum(sum);
    for (int e = lane; e < experts; e += simt::kWarp) {
        probability[e] = expf(logits[e] - top) / sum;
    }
    return top + logf(sum);
}

template <class L>
__global__ void __launch_bounds__(kTokenThreads)
    choose_experts(Rows<const L> logits, TopKArguments of) {
    const int lane = static_cast<int>(threadIdx.x);
    float* const row = shared_memory<float>() + static_cast<int>(threadIdx.y) * of.experts;
    for (std::int64_t t = std::int64_t{blockIdx.x} * kTokenWarps + threadIdx.y; t < of.tokens;
         t += std::int64_t{gridDim.x} * kTokenWarps) {
        __syncwarp();  // the token before has been read
        for (int e = lane; e < of.experts; e += simt::kWarp) row[e] = to_float(*logits.at(t, e));
        __syncwarp();
        float* const probability = of.probabilities + t * of.experts;
        const float lse = softmax(row, probability, of.experts, lane);
        if (lane == 0) of.lse[t] = lse;
        __syncwarp();  // all probabilities are there
        const TokenScores scores(of.score, lse);
        Candidate last;
        double mine = 0.0;  // lane i keeps the i-th choice
        for (int i = 0; i < of.k; ++i) {
            last = next_best(row, of.experts, lane, last);
            if (lane != i) continue;
            of.chosen[t * of.k + i] = last.expert;
            mine = scores.score(probability[last.expert]);
        }
        const double sum = of.normalize ? warp_sum(mine) : 1.0;
        if (lane < of.k) {
            of.weights[t * of.k + lane] = static_cast<float>(of.scale / sum * mine);
        }
    }
}

/// 1 / the sum of each token's scores; of a softmax they sum to 1 and nobody asks.
template <class Unused = void>
__global__ void __launch_bounds__(kTokenThreads)
    invert_totals(const float* probabilities, const float* lse, std::int64_t tokens, int experts,
                  float* inverse) {
    const int lane = static_cast<int>(threadIdx.x);
    for (std::int64_t t = std::int64_t{blockIdx.x} * kTokenWarps + threadIdx.y; t < tokens;
         t += std::int64_t{gridDim.x} * kTokenWarps) {
        const TokenScores scores(ScoreKind::sigmoid, lse[t]);
        const double total = scores.total(probabilities + t * experts, experts, lane);
        if (lane == 0) inverse[t] = static_cast<float>(1.0 / total);
    }
}

/// Each expert's share of each token's scores.
struct ScoreShares {
    Rows<const float> probabilities{};
    const float* lse = nullptr;
    const float* inverse = nullptr;  ///< null: softmax
    template <int N>
    __device__ __forceinline__ Floats<N> value(std::int64_t row, std::int64_t column) const {
        auto share = load<N>(probabilities.at(row, column));
        if (inverse == nullptr) return share;
        const TokenScores scores(ScoreKind::sigmoid, lse[row]);
#pragma unroll
        for (int i = 0; i < N; ++i) {
            share[i] = static_cast<float>(scores.score(share[i])) * inverse[row];
        }
        return share;
    }
};

struct RouterLosses {
    const std::int32_t* counts = nullptr;  ///< null: no balance loss
    const float* shares = nullptr;
    const float* lse = nullptr;
    std::int64_t tokens = 0;
    int experts = 0;
    double aux = 0.0;
    double z = 0.0;
    StepScalars* results = nullptr;
};

/// Adds both losses to the step's; one block.
template <class Unused = void>
__global__ void __launch_bounds__(kLossThreads) add_losses(RouterLosses of) {
    const auto n = static_cast<double>(of.tokens);
    double balance = 0.0;
    for (int e = static_cast<int>(threadIdx.x); of.counts != nullptr && e < of.experts;
         e += kLossThreads) {
        balance += static_cast<double>(of.counts[e]) * static_cast<double>(of.shares[e]);
    }
    double squares = 0.0;
    for (std::int64_t t = threadIdx.x; of.z != 0.0 && t < of.tokens; t += kLossThreads) {
        const auto lse = static_cast<double>(of.lse[t]);
        squares += lse * lse;
    }
    balance = block_sum(balance);
    squares = block_sum(squares);
    if (threadIdx.x != 0) return;
    of.results->auxiliary_sum +=
        of.aux * static_cast<double>(of.experts) * balance / (n * n) + of.z * squares / n;
}

void launch_losses(const TopK& op, const Launch& launch) {
    const TensorView& probabilities = launch.out[0];
    const std::int64_t tokens = probabilities.rows();
    const std::int64_t experts = probabilities.columns();
    RouterLosses of{.lse = launch.out[3].as<const float>(),
                    .tokens = tokens,
                    .experts = static_cast<int>(experts),
                    .aux = op.aux,
                    .z = op.z,
                    .results = launch.results};
    Slices slices(launch);
    if (op.aux != 0.0) {
        of.counts = launch_count(launch, slices, launch.out[2], experts);
        ScoreShares body{.probabilities = rows_of<const float>(probabilities), .lse = of.lse};
        if (op.score == ScoreKind::sigmoid) {
            auto* const inverse = slices.take<float>(tokens);
            launch_kernel(invert_totals<>, {grid_for(divide_up(tokens, kTokenWarps))},
                          {simt::kWarp, kTokenWarps}, 0, launch.stream,
                          probabilities.as<const float>(), of.lse, tokens, of.experts, inverse);
            body.inverse = inverse;
        }
        auto* const shares = slices.take<float>(experts);
        sum_columns<float>(slices.rest(launch), {&probabilities}, body,
                           {reinterpret_cast<std::byte*>(shares), DType::f32}, false);
        of.shares = shares;
    }
    launch_kernel(add_losses<>, {1}, {kLossThreads}, 0, launch.stream, of);
}

void top_k_cuda(const TopK& op, const Launch& launch) {
    const TensorView& logits = launch.in[0];
    const TopKArguments of{.probabilities = launch.out[0].as<float>(),
                           .weights = launch.out[1].as<float>(),
                           .chosen = launch.out[2].as<std::int32_t>(),
                           .lse = launch.out[3].as<float>(),
                           .tokens = logits.rows(),
                           .experts = static_cast<int>(logits.columns()),
                           .k = static_cast<int>(op.k),
                           .score = op.score,
                           .normalize = op.normalize,
                           .scale = op.scale};
    if (of.tokens == 0) return;
    const auto shared = sizeof(float) * kTokenWarps * static_cast<std::size_t>(of.experts);
    with_float(logits.dtype, [&]<class L>(L) {
        launch_kernel(choose_experts<L>, {grid_for(divide_up(of.tokens, kTokenWarps))},
                      {simt::kWarp, kTokenWarps}, shared, launch.stream, rows_of<const L>(logits),
                      of);
    });
    if (launch.results != nullptr && (op.aux != 0.0 || op.z != 0.0)) launch_losses(op, launch);
}

std::string refuse_top_k(const Op& op, const Launch& launch) {
    const std::int64_t experts = launch.in[0].columns();
    if (const std::int64_t k = std::get<TopK>(op).k; k > kMostChoices || experts > kMostExperts) {
        return std::to_string(k) + " of " + std::to_string(experts) +
               " experts; the CUDA kernels choose " + std::to_string(kMostChoices) + " of " +
               std::to_string(kMostExperts) + " at most";
    }
    return refuse_f64(op, launch);
}

}  // namespace

void add_routing_cuda_rows(KernelTable& table) { set_row<top_k_cuda>(table, refuse_top_k); }

}  // namespace headroom
