#include <array>

#include "planner/cli/claim.h"
#include "planner/cli/claims_subjects.h"

namespace headroom::claims {
namespace {

constexpr const char* kOffload = "ZeRO-Offload, Ren et al. 2021";
constexpr const char* kInfinity = "ZeRO-Infinity, Rajbhandari et al. 2021";

PlanRequest on_dgx2(const Library& library, const GptShape& shape, std::int64_t gpus) {
    auto request = request_on(library, gpt(shape), "v100-sxm2-32gb", gpus);
    request.hardware.node = "dgx-2";
    request.hardware.profile.node = library.hardware.node("dgx-2", "/hardware/node");
    request.recompute.mode = RecomputeMode::layer;
    use_fp16(request);
    return request;
}

PlanRequest offloaded(const Library& library, std::int64_t layers) {
    auto request = on_dgx2(library, {.layers = layers, .hidden = 5120, .heads = 40}, 1);
    request.offload.optimizer = Tier::cpu;
    return request;
}

/// Tensor parallel over four of the sixteen: two gathered layers of 7.9e9 parameters are as much
/// as a whole GPU holds.
PlanRequest spilled(const Library& library, std::int64_t layers) {
    auto request =
        on_dgx2(library, {.layers = layers, .hidden = 25600, .heads = 200, .vocab = 50304}, 16);
    request.layout.data = 4;
    request.layout.tensor = 4;
    request.layout.zero = 3;
    request.offload = {.optimizer = Tier::nvme, .parameters = Tier::nvme, .activations = true};
    return request;
}

/// Most layers that fit, in billions of parameters.
double largest(const Library& library, PlanRequest (*make)(const Library&, std::int64_t)) {
    std::int64_t fits = 1;
    std::int64_t too_many = 512;
    while (too_many - fits > 1) {
        const std::int64_t middle = (fits + too_many) / 2;
        (estimate_of(make(library, middle)).fits ? fits : too_many) = middle;
    }
    return parameters(make(library, fits).model) / 1e9;
}

double device_13b(const Library& library) {
    return in_gib(estimate_of(offloaded(library, 40)).device);
}
double largest_offloaded(const Library& library) { return largest(library, offloaded); }

double device_1t(const Library& library) {
    return in_gib(estimate_of(spilled(library, 128)).device);
}
double nvme_1t(const Library& library) {
    return in_gb(estimate_of(spilled(library, 128)).nvme_node) / 1e3;
}
double host_1t(const Library& library) {
    return in_gib(estimate_of(spilled(library, 128)).host_node);
}
double largest_spilled(const Library& library) { return largest(library, spilled) / 1e3; }

constexpr std::array kClaims{
    Claim{"offload-13b", "device memory of 13B parameters on one V100 of 32 GB", kOffload,
          Relation::under, 32.0, "GiB", 0.0, device_13b,
          "a GPT of 40 layers of width 5120, fp16, optimizer and gradients on the CPU, layers "
          "recomputed, one sequence of 1024, one GPU of a DGX-2",
          "16-bit weights, one checkpoint a layer and what is in transit fit"},
    Claim{"offload-largest", "largest model on one V100 of 32 GB", kOffload, Relation::over, 13.0,
          "billion", 0.0, largest_offloaded, "the same with as many layers as fit",
          "the weights alone end it: they stay on the device"},
    Claim{"infinity-device", "device memory of 1e12 parameters on 16 V100 of 32 GB", kInfinity,
          Relation::under, 32.0, "GiB", 0.0, device_1t,
          "a GPT of 128 layers of width 25,600, fp16, ZeRO 3 over 4, tensor parallel 4, weights "
          "and optimizer on NVMe, checkpoints in host memory, one DGX-2",
          "a gathered layer is a quarter of one, after tensor parallelism"},
    Claim{"infinity-nvme", "NVMe of 1e12 parameters, of the 30 TB of a DGX-2", kInfinity,
          Relation::under, 30.0, "TB", 0.0, nvme_1t, "the same",
          "weights, fp32 master and moments: 14 bytes a parameter"},
    Claim{"infinity-host", "host memory of 1e12 parameters, of the 1536 GiB of a DGX-2", kInfinity,
          Relation::under, 1536.0, "GiB", 0.0, host_1t, "the same",
          "this planner keeps 16-bit gradients in host memory until the update; ZeRO-Infinity "
          "spills them to NVMe as well"},
    Claim{"infinity-largest", "largest model on one DGX-2", kInfinity, Relation::over, 1.0,
          "trillion", 0.0, largest_spilled, "the same with as many layers as fit",
          "the gradients in host memory end it, as above; device and NVMe would hold more than a "
          "trillion"},
};

}  // namespace

ClaimGroup offload_claims() { return {"ZeRO-Offload and ZeRO-Infinity", kClaims}; }

}  // namespace headroom::claims
