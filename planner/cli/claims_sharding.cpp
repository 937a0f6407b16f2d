#include <array>

#include "planner/cli/claim.h"
#include "planner/cli/claims_subjects.h"

namespace headroom::claims {
namespace {

constexpr const char* kZero = "ZeRO, Rajbhandari et al. 2019, table 1";
constexpr const char* kGpu = "v100-sxm2-32gb";

/// 36 layers of width 4096: the nearest even shape to 7.5e9 parameters.
PlanRequest gpt_7b(const Library& library, std::int64_t gpus, int zero) {
    auto request =
        request_on(library, gpt({.layers = 36, .hidden = 4096, .heads = 32}), kGpu, gpus);
    use_fp16(request);
    request.layout.zero = zero;
    return request;
}

template <int kStage>
double states_of_rank(const Library& library) {
    return states(profile_of(gpt_7b(library, 64, kStage))) / 1e9;
}

/// Times less than with every state on every rank.
template <int kStage, std::int64_t kGpus>
double reduction(const Library& library) {
    return states(profile_of(gpt_7b(library, kGpus, 0))) /
           states(profile_of(gpt_7b(library, kGpus, kStage)));
}

double trillion_rank(const Library& library) {
    const GptShape shape{.layers = 128, .hidden = 25600, .heads = 200};
    auto request = request_on(library, gpt(shape), kGpu, 1024);
    use_fp16(request);
    request.layout.zero = 3;
    return states(profile_of(request)) / 1e9;
}

constexpr const char* kModel = "a GPT of 36 layers of width 4096 in fp16, AdamW, 64 GPUs";
constexpr const char* kSize = "the nearest even shape has a little less than 7.5e9 parameters";

constexpr std::array kClaims{
    Claim{"zero-0", "states of a rank, 7.5B parameters on 64 GPUs, replicated", kZero,
          Relation::about, 120.0, "GB", 0.01, states_of_rank<0>, kModel, kSize},
    Claim{"zero-1", "the same at stage 1", kZero, Relation::about, 31.4, "GB", 0.01,
          states_of_rank<1>, kModel, kSize},
    Claim{"zero-2", "the same at stage 2", kZero, Relation::about, 16.6, "GB", 0.01,
          states_of_rank<2>, kModel, kSize},
    Claim{"zero-3", "the same at stage 3 (fully sharded)", kZero, Relation::about, 1.9, "GB", 0.03,
          states_of_rank<3>, kModel, "published as 1.9, which rounds 1.88"},
    Claim{"zero-1-times", "fewer bytes of states at stage 1", "ZeRO, Rajbhandari et al. 2019",
          Relation::about, 4.0, "x", 0.01, reduction<1, 1024>,
          "the same GPT on 1024 GPUs: 16 over 4 + 12 / 1024",
          "4 is the limit for many GPUs; 64 of them give 3.8"},
    Claim{"zero-2-times", "fewer bytes of states at stage 2", "ZeRO, Rajbhandari et al. 2019",
          Relation::about, 8.0, "x", 0.01, reduction<2, 1024>,
          "the same GPT on 1024 GPUs: 16 over 2 + 14 / 1024",
          "8 is the limit for many GPUs; 64 of them give 7.2"},
    Claim{"zero-3-times", "fewer bytes of states at stage 3 on 64 GPUs",
          "ZeRO, Rajbhandari et al. 2019", Relation::about, 64.0, "x", 0.001, reduction<3, 64>,
          kModel, "every state is divided by the number of ranks"},
    Claim{"zero-3-1t", "states of a rank, 1e12 parameters on 1024 GPUs at stage 3", kZero,
          Relation::about, 15.6, "GB", 0.02, trillion_rank,
          "a GPT of 128 layers of width 25,600 in fp16 on 1024 GPUs",
          "the nearest even shape has a little more parameters"},
};

}  // namespace

ClaimGroup sharding_claims() { return {"ZeRO and FSDP", kClaims}; }

}  // namespace headroom::claims
