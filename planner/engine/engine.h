#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "planner/base/units.h"
#include "planner/engine/caching_allocator.h"
#include "planner/spec/plan_request.h"

namespace headroom {

/// How a framework computes a norm.
enum class NormStyle : std::uint8_t { fused, upcast, composite };
/// act(gate) * up: one kernel that keeps its input, or two operators that keep theirs.
enum class GateStyle : std::uint8_t { fused, two_ops };
/// Cross-entropy: fused keeps the logits alone and writes the gradient over them; compiled keeps
/// 16-bit logits and an fp32 gradient; eager keeps fp32 copies; chunked never holds them all.
enum class LossStyle : std::uint8_t { fused, compiled, megatron, eager, shifted_eager, chunked };
/// Where the weight gradient of a product goes.
enum class WeightGradient : std::uint8_t {
    main,       ///< added to an fp32 buffer by the product itself (Megatron's fused accumulation)
    own,        ///< a tensor in the weight's dtype that stays until the optimizer step
    unsharded,  ///< a tensor of its unit that lives until its reduce-scatter
    bucketed,   ///< freed into a reduction bucket (ZeRO 2 and 3)
};
/// Generation of the fused attention: what part of the device's best kernels it reaches.
enum class AttentionKernel : std::uint8_t {
    triton,  ///< FlashAttention 1 and its Triton port
    flash2,  ///< FlashAttention 2, written for sm_80
    native,  ///< written for the device: cuDNN, FlashAttention 3
};
/// How kernels are launched: what the host needs between two of them.
enum class Launch : std::uint8_t { eager, compiled, graphs, native };

/// How a framework executes a layer: which choices its operator list differs by.
struct Decomposition {
    NormStyle norm = NormStyle::fused;
    GateStyle gate = GateStyle::fused;
    LossStyle loss = LossStyle::fused;
    bool repeats_kv = false;  ///< key and value heads are copied to the query heads' count
};

/// Dtypes and places of what a rank keeps through the step, in bytes an element.
struct StateBytes {
    double weight = 2.0;
    double gradient = 4.0;
    double master = 4.0;
    double moments = 8.0;
    bool weight_sharded_as_master = false;  ///< FSDP: the shard that is kept is the fp32 master
};

/// Buffers that belong to the framework rather than to the model.
struct FrameworkBuffers {
    bool dummy_weight_gradients = false;  ///< one 16-bit buffer a distinct weight shape (TE)
    Bytes workspaces{};                   ///< of matrix libraries, inside the allocator
    double bucket_elements = 0.0;         ///< of gradient reduction, in the gradient's dtype
    double bucket_copies = 1.0;
    double flat_gradients = 0.0;      ///< bytes an element of copies made for reduction
    bool loads_whole_model = false;   ///< every rank holds all weights before they are sharded
    std::int64_t gathered_units = 2;  ///< ZeRO-3: units unsharded at once
    Bytes outside{};                  ///< libraries' own device memory beside the context
};

/// One way a framework executes a step. Versions that differ are rows of their own.
struct Engine {
    std::string_view id;
    std::string_view version;
    std::string_view framework;  ///< the name whose timing parameters apply
    std::string_view describes;
    Decomposition decomposition{};
    StateBytes states{};
    FrameworkBuffers buffers{};
    WeightGradient weight_gradient = WeightGradient::own;
    Launch launch = Launch::eager;
    AttentionKernel attention = AttentionKernel::flash2;
    SegmentGrowth segments = SegmentGrowth::fixed;
    std::int64_t vocab_multiple = 1;  ///< the table is padded to this many rows a tensor rank
    double dropout = 0.0;             ///< unless the run says otherwise
};

/// All engines; a name may stand for several versions, the newest first.
std::span<const Engine> engines();
/// The newest version of that id; throws InputError at /engine with the known names.
const Engine& engine_named(std::string_view id, std::string_view version = {});

/// Number formats of the products.
enum class ProductFormat : std::uint8_t { compute, fp8_tensor, fp8_block, mxfp8, nvfp4 };

/// What the request has no field for and a framework's user sets.
struct EngineSettings {
    ProductFormat format = ProductFormat::compute;
    bool compiled = false;
    bool overlaps_communication = true;
    bool alternate_products = false;      ///< every second product of a layer is run again
    bool measured_on_last_stage = false;  ///< memory of the last rank, not of the worst
    std::int64_t loss_chunks = 0;         ///< > 0: the loss takes so many turns
    double gradient_bytes = 0.0;          ///< > 0: instead of the engine's own
    double moment_bytes = 0.0;
    double master_bytes = -1.0;         ///< >= 0
    std::int64_t optimizer_shards = 0;  ///< ranks of the ZeRO-1 group; 0: all replicas
    bool embeddings_count_as_layers = false;
    double recomputed_share = 1.0;        ///< of the layers, where layers are run again
    bool deterministic = false;           ///< attention falls back to kernels that are
    bool sinks_unfused = false;           ///< attention with sinks stores its scores
    bool experts_span_tensor = false;     ///< the expert group takes the tensor ranks in
    bool dispatches_once_a_node = false;  ///< a token crosses the network once a node
};

}  // namespace headroom
