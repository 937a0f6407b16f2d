#include <array>

#include "planner/cli/claim.h"
#include "planner/cli/claims_subjects.h"

namespace headroom::claims {
namespace {

constexpr const char* kZero = "ZeRO, Rajbhandari et al. 2019";
constexpr const char* kGpu = "h100-sxm5-80gb";

PlanRequest llama_7b(const Library& library) {
    auto request = request_on(library, shipped(library, "meta-llama/Llama-2-7b-hf"), kGpu);
    request.train.sequence = 4096;
    return request;
}

PlanRequest llama_7b_in_fp32(const Library& library) {
    auto request = llama_7b(library);
    request.train.compute = DType::f32;
    request.train.gradient = DType::f32;
    return request;
}

double per_parameter(const Library& library, double bytes) {
    return bytes / parameters(llama_7b(library).model);
}

double weight_bytes(const Library& library) {
    return per_parameter(library, persistent(profile_of(llama_7b(library)), Role::parameter));
}

double gradient_bytes(const Library& library) {
    return per_parameter(library, persistent(profile_of(llama_7b(library)), Role::gradient));
}

double optimizer_bytes(const Library& library) {
    const auto profile = profile_of(llama_7b(library));
    return per_parameter(library,
                         persistent(profile, Role::master) + persistent(profile, Role::optimizer));
}

double state_bytes(const Library& library) {
    return per_parameter(library, states(profile_of(llama_7b(library))));
}

double nominal_7b(const Library& library) { return state_bytes(library) * 7.0; }

double llama_7b_states(const Library& library) {
    return states(profile_of(llama_7b(library))) / 1e9;
}

double one_gpu(const Library& library) { return in_gib(estimate_of(llama_7b(library)).device); }

double weights_in_fp16(const Library& library) { return base_weights(llama_7b(library)) / 1e9; }

double weights_in_4_bits(const Library& library) {
    auto request = llama_7b(library);
    request.adapter.kind = AdapterKind::qlora;
    return base_weights(request) / 1e9;
}

double trillion(const Library& library) {
    const GptShape shape{.layers = 128, .hidden = 25600, .heads = 200};
    return states(profile_of(request_on(library, gpt(shape), kGpu))) / 1e12;
}

double half_the_activations(const Library& library) {
    return total(profile_of(llama_7b(library)).kept) /
           total(profile_of(llama_7b_in_fp32(library)).kept);
}

double half_of_it_all(const Library& library) {
    return estimate_of(llama_7b(library)).device / estimate_of(llama_7b_in_fp32(library)).device;
}

constexpr const char* kLlama = "Llama-2-7B, bf16, AdamW with fp32 master, one GPU";

constexpr std::array kClaims{
    Claim{"bytes-weights", "bytes a parameter, 16-bit weights", kZero, Relation::about, 2.0, "B",
          0.001, weight_bytes, kLlama, "equal but for tensors rounded up to 512 bytes"},
    Claim{"bytes-gradients", "bytes a parameter, 16-bit gradients", kZero, Relation::about, 2.0,
          "B", 0.001, gradient_bytes, kLlama, "equal but for tensors rounded up to 512 bytes"},
    Claim{"bytes-optimizer", "bytes a parameter, fp32 master and two moments", kZero,
          Relation::about, 12.0, "B", 0.001, optimizer_bytes, kLlama,
          "equal but for tensors rounded up to 512 bytes"},
    Claim{"bytes-all", "bytes a parameter, all states", kZero, Relation::about, 16.0, "B", 0.001,
          state_bytes, kLlama, "equal but for tensors rounded up to 512 bytes"},
    Claim{"7b-states", "states of 7.0e9 parameters", "the article's arithmetic on ZeRO",
          Relation::about, 112.0, "GB", 0.001, nominal_7b,
          "the bytes a parameter of Llama-2-7B, times 7.0e9", "the same 16 bytes"},
    Claim{"7b-states-llama", "states of a 7B model", "the article's arithmetic on ZeRO",
          Relation::about, 112.0, "GB", 0.05, llama_7b_states, kLlama,
          "Llama-2-7B has fewer parameters than its name says"},
    Claim{"7b-one-gpu", "full training of a 7B model, more than one 80 GB GPU has",
          "the article, on training a 7B model without any technique", Relation::over, 80.0, "GiB",
          0.0, one_gpu, "Llama-2-7B, bf16, AdamW, one sequence of 4096 on h100-sxm5-80gb",
          "the states alone are more; activations and the context of CUDA come on top"},
    Claim{"7b-fp16", "weights of a 7B model in 16 bits, for inference", "the article",
          Relation::about, 14.0, "GB", 0.05, weights_in_fp16, "the weights of Llama-2-7B in bf16",
          "the same two bytes a parameter, of fewer parameters than its name says"},
    Claim{"7b-4-bit", "weights of a 7B model in 4 bits, for inference", "the article",
          Relation::under, 4.0, "GB", 0.0, weights_in_4_bits,
          "the weights of Llama-2-7B in NF4 with double quantization",
          "4.127 bits a value of the blocks' matrices; token table and head stay in 16 bits"},
    Claim{"1t-states", "states of 1e12 parameters", kZero, Relation::about, 16.0, "TB", 0.02,
          trillion, "a GPT of 128 layers of width 25,600, bf16, AdamW",
          "the nearest even shape has a little more parameters"},
    Claim{"mixed-activations", "activations in 16 bits over those in fp32",
          "Mixed Precision Training, Micikevicius et al. 2017", Relation::about, 0.5, "x", 0.02,
          half_the_activations,
          "Llama-2-7B, what one sequence of 4096 keeps for its backward pass, bf16 over fp32",
          "statistics of norms and attention stay in fp32, indices in integers"},
    Claim{"mixed-all", "all memory of mixed precision over that of fp32",
          "the article's table, after Micikevicius et al. 2017", Relation::about, 0.5, "x", 0.05,
          half_of_it_all, "Llama-2-7B, one sequence of 4096, device memory, bf16 over fp32",
          "weights, gradients and moments of an fp32 run are 16 bytes a parameter too: without "
          "many tokens a step little is saved; what halves is activations"},
};

}  // namespace

ClaimGroup state_claims() { return {"What training holds", kClaims}; }

}  // namespace headroom::claims
