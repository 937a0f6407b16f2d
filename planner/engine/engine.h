#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "planner/base/units.h"
#include "planner/engine/caching_allocator.h"
#include "planner/spec/plan_request.h"

namespace headroom {

/// How a framework computes an RMSNorm: one kernel; fp32 operators with the gain applied in 16 bit
/// (upcast) or in fp32 (composite); 16-bit operators (half).
enum class NormStyle : std::uint8_t { fused, upcast, composite, half };
/// act(gate) * up: one kernel that keeps its input, or two operators that keep theirs.
enum class GateStyle : std::uint8_t { fused, two_ops };
/// How a framework computes its cross-entropy; bytes of each in `loss_rules`.
enum class LossStyle : std::uint8_t {
    fused,          ///< 16-bit logits, the gradient over them
    compiled,       ///< 16-bit logits, a 16-bit gradient beside them
    megatron,       ///< fp32 logits, the gradient over them
    softmax_copy,   ///< as megatron, the softmax in a tensor of its own
    eager,          ///< fp32 log-softmax and two fp32 gradients
    shifted_eager,  ///< as eager, with fp32 logits that the caller holds through the backward pass
    loss_parallel,  ///< torch's loss over a split vocabulary
    listed,  ///< litgpt: chunks of fp32 logits in a list that lives through the backward pass
    chunked_logits,  ///< all 16-bit logits, their loss and gradient in chunks
    chunked,         ///< head and loss in chunks: never all logits
};
/// Whether the kernel's output has another layout than the next product's input, which is a copy.
enum class OutputCopy : std::uint8_t {
    none,
    always,  ///< (B, H, T, D), as PyTorch's flash kernel writes for q in that layout
    /// Transformer Engine's FlashAttention backend returns a transposed copy of (B, T, H, D), which
    /// is none at one sequence; its cuDNN backend, the default on Hopper, writes (T, B, H, D).
    batched_flash,
};
/// What attention keeps beside its inputs, output and log-sum-exp.
struct AttentionSaves {
    bool repeats_kv = false;     ///< key and value heads are copied to the query heads' count
    bool packed_view = false;    ///< the value is a view of one packed tensor, which stays whole
    bool stacked_query = false;  ///< without grouped heads: the query is a view of stacked q, k, v
    OutputCopy output = OutputCopy::none;
};
/// Where the weight gradient of a product goes.
enum class WeightGradient : std::uint8_t {
    main,       ///< added to an fp32 buffer by the product itself (Megatron's fused accumulation)
    own,        ///< a tensor in the weight's dtype that stays until the optimizer step
    unsharded,  ///< a tensor of its unit that lives until its reduce-scatter
    bucketed,   ///< freed into a reduction bucket (ZeRO 2 and 3)
    summed,     ///< a 16-bit tensor added to an fp32 buffer when a micro-batch's backward pass ends
};
/// Generation of the fused attention: what part of the device's best kernels it reaches.
enum class AttentionKernel : std::uint8_t {
    triton,  ///< FlashAttention 1 and its Triton port
    flash2,  ///< FlashAttention 2, written for sm_80
    native,  ///< written for the device: cuDNN, FlashAttention 3
};
/// How ZeRO-3 units are gathered.
enum class Gathering : std::uint8_t {
    kept,   ///< a fixed number of units at once, among the buffers
    fsdp1,  ///< flat parameters on a stream of their own, the outer unit through the whole step
    fsdp2,  ///< gathered and copied out: buffers on two more streams, fp32 reduction
};
/// Whose states lie in flat blocks.
enum class FlatStates : std::uint8_t {
    none,
    megatron,   ///< Megatron-Core: one buffer of weights, one of gradients
    deepspeed,  ///< DeepSpeed's ZeRO-1: weights, and this rank's masters and moments
};
/// What has a collective of its own when weights and gradients travel over the replicas.
enum class CollectiveGrain : std::uint8_t {
    unit,       ///< a layer or a bucket: latency is hidden by bytes
    parameter,  ///< ZeRO-3 of 2021
    owner,      ///< all tensors of one rank
};
/// How a pipeline's layers are dealt to its stages.
enum class StageSplit : std::uint8_t {
    even,
    by_cost,         ///< nanotron: a block that crosses a stage's share of the cost stays with it
    remainder_last,  ///< InternEvo: the last stages take the remainder
};
/// Whose memory a run prints.
enum class ReportedStage : std::uint8_t { worst, first, last };
/// How kernels are launched: what the host needs between two of them.
enum class Launch : std::uint8_t { eager, compiled, graphs, native };

/// How a framework executes a layer: which choices its operator list differs by.
struct Decomposition {
    NormStyle norm = NormStyle::fused;
    std::optional<NormStyle> final_norm{};  ///< instead, outside of compiled layers
    GateStyle gate = GateStyle::fused;
    LossStyle loss = LossStyle::fused;
    std::optional<LossStyle> split_loss{};  ///< instead, where tensor ranks split the vocabulary
    std::optional<LossStyle> chunk_loss{};  ///< instead, where the run asks for a chunked loss
    AttentionSaves attention{};
    /// bitsandbytes before 0.43.2: a product with 4-bit weights keeps its input (MatMul4Bit's
    /// ctx.tensors), though a frozen weight needs no gradient.
    bool keeps_quantized_input = false;
    /// Weights were quantized from fp16, so a dequantized one is copied to bf16.
    bool dequantizes_twice = false;
    bool quantizes_head = false;  ///< the head is 4-bit too
    bool adapter_sums = false;    ///< an adapter's product is scaled and added out of place (PEFT)
    /// Layers that the host runs ahead of the device: so long an input of a collective that NCCL's
    /// stream was told of (record_stream) stays. 0: none.
    std::int64_t layers_ahead = 0;
};

/// Dtypes and places of what a rank keeps through the step, in bytes an element.
struct StateBytes {
    double weight = 2.0;
    double gradient = 4.0;
    double master = 4.0;
    double moments = 8.0;
    bool weight_sharded_as_master = false;  ///< FSDP: the shard that is kept is the fp32 master
    bool copies_gradients = false;          ///< the update reads fp32 copies of 16-bit gradients
    double update_temporaries = 0.0;        ///< of the optimizer, while it runs
    bool fp32_adapters = false;             ///< adapters, their gradients and moments are fp32
};

/// Buffers that belong to the framework rather than to the model.
struct FrameworkBuffers {
    bool dummy_weight_gradients = false;  ///< one 16-bit buffer a distinct weight shape (TE)
    Bytes workspaces{};                   ///< of matrix libraries, inside the allocator
    double bucket_elements = 0.0;         ///< of gradient reduction, in the gradient's dtype
    double bucket_copies = 1.0;
    bool replica_buckets = false;  ///< DDP's buckets, a copy of all gradients, without ZeRO
    /// Bytes an element that reduction copies when the step ends, in flat blocks that are all there
    /// at once.
    double update_copies = 0.0;
    bool pipeline_buffers = false;  ///< DeepSpeed's pipeline engine: inputs and outputs stay
    FlatStates flat_states = FlatStates::none;
    bool whole_scales = false;    ///< scales of 4-bit weights stay whole, on every rank's device
    bool adapters_apart = false;  ///< FSDP1: an adapter's matrices are units of their own
    bool broadcasts_weights = false;  ///< FSDP1's sync_module_states: rank 0's, before they are cut
    /// FSDP2, without adapters: embedding and head are units of their own.
    bool outer_apart = false;
    /// FSDP1 under no_sync: a unit's unsharded gradient, of frozen views too, stays.
    bool unsharded_gradients = false;
    std::int64_t gathered_units = 2;  ///< ZeRO-3: units unsharded at once
    bool dense_mask = false;          ///< the loader makes a mask (micro-batch, T, T), a byte each
    double retained_logits = 0.0;     ///< bytes a logit of outputs that a pipeline does not drop
    bool gathered_inputs = false;     ///< two persistent buffers for inputs gathered over tokens
    Bytes outside{};                  ///< libraries' own device memory beside the context
    bool eager_kernels = false;       ///< CUDA before 11.7 loads every kernel with the context
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
    Gathering gathering = Gathering::kept;
    CollectiveGrain collectives = CollectiveGrain::unit;
    StageSplit stages = StageSplit::even;
    ReportedStage measured = ReportedStage::worst;
    Launch launch = Launch::eager;
    AttentionKernel attention = AttentionKernel::flash2;
    SegmentGrowth segments = SegmentGrowth::fixed;
    std::int64_t size_divisions = 0;    ///< allocator: sizes are rounded to a power of two's parts
    std::int64_t softmax_multiple = 0;  ///< > 0: a fused softmax serves this many scores at once
    bool cudnn_on_blackwell = false;    ///< attention is the device's own there
    bool loops_over_weights = false;  ///< the update copies each gradient and each weight by itself
    bool double_quant = false;  ///< scales of 4-bit weights are quantized, unless the run says
    std::int64_t vocab_multiple = 1;  ///< the table is padded to this many rows a tensor rank
    double dropout = 0.0;             ///< unless the run says otherwise
};

/// All engines; a name may stand for several versions, the newest first.
std::span<const Engine> engines();
/// What names this version alone: "fsdp-torchtitan".
std::string full_name(const Engine& engine);
/// The newest version of that id; throws InputError at /engine with the known names.
const Engine& engine_named(std::string_view id, std::string_view version = {});

/// Modules of a layer that a run makes again in its backward pass beside the request's operators.
struct RecomputedModules {
    bool feed_forward = false;  ///< of dense layers: the first product and the activation
    bool latent_up = false;     ///< latent attention: what is projected up, and the compressed norm
};

/// Number formats of the products.
enum class ProductFormat : std::uint8_t { compute, fp8_tensor, fp8_row, fp8_block, mxfp8, nvfp4 };

/// What an adapter adds to a layer.
enum class AdapterForm : std::uint8_t {
    low_rank,  ///< LoRA, each target on its own
    merged,    ///< LoRA on a packed query, key and value: one dropout, a zero-padded sum
    prompt,    ///< LLaMA-Adapter: attention to a prompt, added through a gate
    scaled,    ///< LLaMA-Adapter v2: a trained bias and scale on every product
};

/// What the request has no field for and a framework's user sets.
struct EngineSettings {
    ProductFormat format = ProductFormat::compute;
    bool compiled = false;
    bool overlaps_communication = true;
    bool alternate_products = false;  ///< every second product of a layer is run again
    ReportedStage measured = ReportedStage::worst;
    StageSplit stages = StageSplit::even;
    std::optional<SegmentGrowth> segments{};  ///< instead of the engine's own
    RecomputedModules recomputes{};
    /// Dense feed-forwards are CUDA graphs: what they keep lies in the graphs' own pool, which is
    /// reserved but, once they are captured, not allocated.
    bool graphs_feed_forward = false;
    AdapterForm adapter = AdapterForm::low_rank;
    std::int64_t first_adapted_layer = 0;  ///< layers before it have no adapter
    std::int64_t loss_chunks = 0;          ///< > 0: the loss takes so many turns
    double gradient_bytes = 0.0;           ///< > 0: instead of the engine's own
    double moment_bytes = 0.0;
    double master_bytes = -1.0;         ///< >= 0
    std::int64_t optimizer_shards = 0;  ///< ranks of the ZeRO-1 group; 0: all replicas
    bool embeddings_count_as_layers = false;
    double recomputed_share = 1.0;        ///< of the layers, where layers are run again
    bool deterministic = false;           ///< attention falls back to kernels that are
    bool sinks_unfused = false;           ///< attention with sinks stores its scores
    bool updates_in_backward = false;     ///< a weight is updated as soon as it has its gradient
    bool experts_span_tensor = false;     ///< the expert group takes the tensor ranks in
    bool dispatches_once_a_node = false;  ///< a token crosses the network once a node
    std::int64_t expert_groups = 0;  ///< > 0: a token's experts lie in `groups_chosen` of so many
    std::int64_t groups_chosen = 0;
    bool overlaps_experts = false;       ///< expert traffic runs beside another micro-batch
    bool graphs_step = false;            ///< one CUDA graph a step: the host launches nothing
    bool launches_block = false;         ///< CUDA_LAUNCH_BLOCKING: the host waits for every kernel
    double ring_share = 1.0;             ///< of a node's network that one ring of ranks reaches
    bool sends_whole_gradients = false;  ///< a pipeline's tensor ranks each send all of a gradient
};

}  // namespace headroom
