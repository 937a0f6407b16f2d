#include <array>

#include "planner/cli/claim.h"
#include "planner/cli/claims_subjects.h"
#include "planner/lower/parameter_count.h"

namespace headroom::claims {
namespace {

constexpr const char* kMixtral = "Mixtral of Experts, Mistral AI 2024";
constexpr const char* kSwitch = "Switch Transformers, Fedus et al. 2021";

ModelSpec mixtral(const Library& library) {
    return shipped(library, "mistralai/Mixtral-8x7B-v0.1");
}

double mixtral_total(const Library& library) { return parameters(mixtral(library)) / 1e9; }
double mixtral_active(const Library& library) {
    return static_cast<double>(count_parameters(mixtral(library)).active) / 1e9;
}
double mixtral_weights(const Library& library) {
    return base_weights(request_on(library, mixtral(library), "h100-sxm5-80gb")) / 1e9;
}

/// Switch-Base with that many experts in every other layer.
ModelSpec switch_base(const Library& library, std::int64_t experts) {
    auto model = shipped(library, "google/switch-base-8");
    model.moe->experts = experts;
    model.moe->capacity_factor = 0.0;
    return model;
}

/// 15 + 15 layers, all of them sparse.
ModelSpec switch_c(const Library& library) {
    auto model = switch_base(library, 2048);
    model.layers = 15;
    model.encoder_layers = 15;
    model.hidden = 2080;
    model.attention.heads = 32;
    model.attention.kv_heads = 32;
    model.ffn.width = 6144;
    model.moe->expert_width = 6144;
    model.moe_layers.assign(15, true);
    model.encoder_moe_layers.assign(15, true);
    return model;
}

Flops forward_work(const Library& library, const ModelSpec& model) {
    auto request = request_on(library, model, "h100-sxm5-80gb");
    request.train.sequence = 512;
    return profile_of(request).cost.work[static_cast<std::size_t>(Phase::forward)].model;
}

double switch_c_total(const Library& library) { return parameters(switch_c(library)) / 1e12; }

double same_compute(const Library& library) {
    const auto dense = shipped(library, "google-t5/t5-base");
    return forward_work(library, switch_base(library, 128)) / forward_work(library, dense);
}

double distilled(const Library& library) {
    return parameters(switch_base(library, 64)) / parameters(shipped(library, "google-t5/t5-base"));
}

double gshard_total(const Library& /*library*/) { return parameters(gshard()) / 1e9; }

constexpr std::array kClaims{
    Claim{"mixtral-total", "parameters of Mixtral 8x7B", kMixtral, Relation::about, 47.0, "billion",
          0.01, mixtral_total, "count of Mixtral-8x7B-v0.1", "published rounded"},
    Claim{"mixtral-active", "parameters that a token visits", kMixtral, Relation::about, 13.0,
          "billion", 0.02, mixtral_active, "count of Mixtral-8x7B-v0.1, two experts of eight",
          "published rounded; both embedding tables count as visited"},
    Claim{"mixtral-weights", "16-bit weights of Mixtral, those of a dense 47B model", kMixtral,
          Relation::about, 94.0, "GB", 0.01, mixtral_weights, "weights of Mixtral-8x7B-v0.1",
          "every expert is held, whichever a token visits"},
    Claim{"switch-compute", "compute a token, Switch-Base over T5-Base", kSwitch, Relation::about,
          1.0, "x", 0.02, same_compute, "forward FLOPs of 128 experts, one a token, over T5-Base",
          "the router is what a token pays more"},
    Claim{"switch-c", "parameters of Switch-C, a trillion and more", kSwitch, Relation::over, 1.0,
          "trillion", 0.0, switch_c_total,
          "count of 15 + 15 layers of width 2080, 2048 experts of 6144 in each",
          "its paper says 1.571 trillion"},
    Claim{"switch-distilled", "parameters of Switch-Base over the dense model distilled from it",
          kSwitch, Relation::about, 20.0, "x", 0.2, distilled,
          "count of Switch-Base with 64 experts over T5-Base",
          "published as a compression by 95 %, which is rounded"},
    Claim{"gshard-total", "parameters of GShard's largest model", "GShard, Lepikhin et al. 2020",
          Relation::over, 600.0, "billion", 0.0, gshard_total,
          "count of 36 layers of width 1024, 2048 experts of 8192 in every other one",
          "published as 600 billion and more"},
};

}  // namespace

ClaimGroup expert_claims() { return {"Mixtures of experts", kClaims}; }

}  // namespace headroom::claims
