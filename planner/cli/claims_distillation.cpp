#include <array>

#include "planner/cli/claim.h"
#include "planner/cli/claims_subjects.h"
#include "planner/lower/lower.h"

namespace headroom::claims {
namespace {

constexpr const char* kDistil = "DistilBERT, Sanh et al. 2019";

ModelSpec bert(const Library& library) { return shipped(library, "google-bert/bert-base-uncased"); }

/// Every other layer of BERT, no token types, no pooler.
ModelSpec distilbert(const Library& library) {
    auto model = bert(library);
    model.layers /= 2;
    model.token_types = 0;
    model.pooler = false;
    return model;
}

double fewer(const Library& library) {
    return (1.0 - parameters(distilbert(library)) / parameters(bert(library))) * 100.0;
}

/// Of the body alone: the loss over the vocabulary is no part of the model's inference.
Seconds forward_time(const Library& library, const ModelSpec& spec) {
    auto request = request_on(library, spec, "v100-sxm2-32gb");
    use_fp16(request);
    request.train.sequence = 128;
    request.train.micro_batch = 32;
    const TimeModel model(request.hardware.profile, request.layout);
    const Lowering lowering = lower(request, stage_of(request, 0), false);
    Seconds sum{};
    for (const auto& node : lowering.graph.ops) {
        const bool body =
            node.phase == Phase::forward && !std::holds_alternative<HeadLoss>(node.op);
        if (body) sum += model.time(lowering.graph, node).time;
    }
    return sum;
}

double faster(const Library& library) {
    return (forward_time(library, bert(library)) / forward_time(library, distilbert(library)) -
            1.0) *
           100.0;
}

constexpr std::array kClaims{
    Claim{"distilbert-size", "fewer parameters than BERT", kDistil, Relation::about, 40.0, "%",
          0.05, fewer, "count of BERT-base and of six of its twelve layers",
          "layers are halved, the token table is not"},
    Claim{"distilbert-speed", "faster forward pass than BERT", kDistil, Relation::about, 60.0, "%",
          0.1, faster, "forward time of 32 sequences of 128 in fp16 on v100-sxm2-32gb",
          "half the layers are half the work on a GPU that the batch fills; the published time is "
          "of a CPU, one sentence at a time"},
};

constexpr std::array kBeyond{
    Beyond{"7x faster pre-training of Switch Transformer over T5",
           "counts steps to a quality; a plan knows the time of a step"},
    Beyond{"97 % of BERT's understanding kept, 30 % of the gain kept, quality of LoRA, QLoRA, DoRA",
           "quality is measured, not planned"},
    Beyond{"no latency added by merged adapters", "serving is not planned"},
    Beyond{"AlexNet 9x and VGG-16 13x smaller by pruning, 35x and 49x by deep compression",
           "how many weights can go is found by training; convolutions are not modelled"},
    Beyond{"accuracy at low bit widths after quantization-aware training",
           "quality is measured, not planned"},
    Beyond{"coefficient 0.01 of the load-balancing loss", "an input of a plan, not a result"},
};

}  // namespace

ClaimGroup distillation_claims() { return {"Distillation", kClaims}; }

std::span<const Beyond> beyond_planning() { return kBeyond; }

}  // namespace headroom::claims
