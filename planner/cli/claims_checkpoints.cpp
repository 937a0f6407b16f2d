#include <array>
#include <cmath>

#include "planner/cli/claim.h"
#include "planner/cli/claims_subjects.h"

namespace headroom::claims {
namespace {

constexpr const char* kChen = "Training Deep Nets with Sublinear Memory Cost, Chen et al. 2016";
constexpr double kPublishedBefore = 48e9;

PlanRequest stack(const Library& library, std::int64_t layers) {
    const GptShape shape{
        .layers = layers, .hidden = 512, .heads = 8, .vocab = 1024, .positions = 64};
    auto request = request_on(library, gpt(shape), "h100-sxm5-80gb");
    request.train.sequence = shape.positions;
    return request;
}

double activations(const PlanRequest& request) {
    const auto peak = profile_of(request).device;
    return peak.by_role[static_cast<std::size_t>(Role::activation)].real();
}

/// A stack of that depth, with as many short sequences as fill 48 GB at 1000 layers.
PlanRequest filled(const Library& library, std::int64_t layers, RecomputeMode mode) {
    const double one = total(profile_of(stack(library, 1000)).kept).real();
    auto request = stack(library, layers);
    request.train.micro_batch = std::llround(kPublishedBefore / one);
    request.recompute.mode = mode;
    return request;
}

PlanRequest whole(const Library& library) { return filled(library, 1000, RecomputeMode::none); }
PlanRequest rooted(const Library& library) { return filled(library, 1000, RecomputeMode::sqrt); }

double before(const Library& library) { return activations(whole(library)) / 1e9; }
double after(const Library& library) { return activations(rooted(library)) / 1e9; }

double growth_without(const Library& library) {
    return activations(filled(library, 4000, RecomputeMode::none)) / activations(whole(library));
}

double growth_with(const Library& library) {
    return activations(filled(library, 4000, RecomputeMode::sqrt)) / activations(rooted(library));
}

double extra_forwards(const Library& library) {
    const auto plain = profile_of(whole(library)).cost;
    const auto forward = plain.work[static_cast<std::size_t>(Phase::forward)].matrix;
    const auto executed = profile_of(rooted(library)).cost.total_work().matrix;
    return (executed - plain.total_work().matrix) / forward;
}

double extra_time(const Library& library) {
    const auto plain = profile_of(whole(library)).cost.step;
    return (profile_of(rooted(library)).cost.step / plain - 1.0) * 100.0;
}

double extra_time_of_llama(const Library& library) {
    auto request =
        request_on(library, shipped(library, "meta-llama/Llama-2-7b-hf"), "a100-sxm4-80gb", 8);
    request.train.sequence = 4096;
    request.layout.zero = 3;
    const auto plain = estimate_of(request).step;
    request.recompute.mode = RecomputeMode::sqrt;
    return (estimate_of(request).step / plain - 1.0) * 100.0;
}

constexpr const char* kStack =
    "1000 transformer layers of width 512 in bf16, as many sequences of 64 as keep 48 GB";

constexpr std::array kClaims{
    Claim{"checkpoint-before", "activations of 1000 layers, all kept", kChen, Relation::about, 48.0,
          "GB", 0.02, before, kStack, "the batch is chosen for it, in whole sequences"},
    Claim{"checkpoint-after", "activations of 1000 layers, checkpoints at the square root", kChen,
          Relation::about, 7.0, "GB", 0.1, after, kStack,
          "a transformer layer keeps many tensors of the size of its checkpoint and all layers are "
          "alike; in the published residual network a checkpoint is a larger share of a layer, "
          "early stages outweigh late ones, and the figure holds more than activations"},
    Claim{"checkpoint-linear", "activations of 4 n layers over those of n, all kept: O(n)", kChen,
          Relation::about, 4.0, "x", 0.02, growth_without, kStack, "every layer keeps the same"},
    Claim{"checkpoint-root", "activations of 4 n layers over those of n, checkpoints: O(sqrt n)",
          kChen, Relation::about, 2.0, "x", 0.05, growth_with, kStack,
          "segments are whole layers, so the root is rounded"},
    Claim{"checkpoint-forward", "forward passes executed again", kChen, Relation::about, 1.0, "x",
          0.02, extra_forwards, kStack, "the head is not run again"},
    Claim{"checkpoint-time", "longer steps, 1000 layers", kChen, Relation::about, 30.0, "%", 0.2,
          extra_time, kStack,
          "published as about 30 %; a third of the matrix work of a step is the most it can be, "
          "and the loss runs once"},
    Claim{"checkpoint-time-7b", "longer steps, a language model", kChen, Relation::about, 30.0, "%",
          0.2, extra_time_of_llama, "Llama-2-7B on 8 a100-sxm4-80gb, ZeRO 3, sequence 4096",
          "published as about 30 %, for another kind of network"},
};

}  // namespace

ClaimGroup checkpoint_claims() { return {"Gradient checkpointing", kClaims}; }

}  // namespace headroom::claims
