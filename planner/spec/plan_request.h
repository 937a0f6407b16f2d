#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "planner/base/dtype.h"
#include "planner/base/json_fwd.h"
#include "planner/base/units.h"
#include "planner/spec/hardware_profile.h"
#include "planner/spec/model_spec.h"
#include "planner/spec/optimizer_kind.h"

namespace headroom {

enum class Goal { pretrain, finetune, adapt };
enum class Aim { time, cost, memory };
/// chunked: head and cross-entropy per block of tokens; fused: whole logits, gradient in place;
/// unfused: logits, an fp32 copy and its gradient, as eager frameworks do.
enum class LossKind { chunked, fused, unfused };
/// flash: one fused kernel, linear memory; eager: scores materialised.
enum class AttentionImpl { flash, eager };
enum class RecomputeMode { none, selective, layer, every, sqrt, all };
/// Op kinds that selective recomputation drops.
struct SelectiveOps {
    bool norm = true;
    bool activation = true;
    bool attention = false;
    bool operator==(const SelectiveOps&) const = default;
};
enum class PipelineSchedule { one_f_one_b, interleaved };
enum class ContextKind { gather, ulysses };
enum class Tier { device, cpu, nvme };
enum class AdapterKind { none, lora, qlora, dora };
enum class QatType { none, int8, int4 };
/// How a teacher's matrices are kept: as the step computes, or in 4 bits.
enum class TeacherWeights { compute, nf4 };
/// Which weights of a matrix are pruned: the smallest of all of it, or two of every four in a row.
enum class PrunePattern { none, unstructured, two_of_four };

/// Precision, optimizer, batch and loss of the step.
struct TrainSpec {
    Goal goal = Goal::pretrain;
    std::int64_t sequence = 4096;
    std::int64_t micro_batch = 1;   ///< sequences a rank (per context group) holds at once
    std::int64_t accumulation = 1;  ///< micro-steps an optimizer step
    std::int64_t tokens = 0;        ///< of the whole run; 0: not asked
    DType compute = DType::bf16;    ///< weights and activations
    bool master = true;             ///< fp32 master weights when compute is 16 bit
    DType gradient = DType::bf16;   ///< dtype gradients accumulate in
    OptimizerKind optimizer = OptimizerKind::adamw;
    LossKind loss = LossKind::chunked;
    std::int64_t loss_chunk = 4096;  ///< tokens a chunk of the chunked loss
    AttentionImpl attention = AttentionImpl::flash;
    double dropout = 0.0;
    double capacity_factor = 0.0;  ///< MoE: 0 keeps the model's own (dropless unless it says)
    double moe_imbalance = 1.0;    ///< MoE: tokens of the fullest rank over the mean
    double aux_loss = -1.0;        ///< load-balance coefficient; < 0: the model's own
    double z_loss = 0.0;           ///< router z-loss coefficient
    bool operator==(const TrainSpec&) const = default;
};

/// Degrees; data = gpus / (tensor * context * pipeline). Experts spread over data * context.
struct ParallelLayout {
    std::int64_t data = 1;
    std::int64_t tensor = 1;
    bool sequence_parallel = false;
    std::int64_t context = 1;
    ContextKind context_kind = ContextKind::gather;
    std::int64_t pipeline = 1;
    PipelineSchedule schedule = PipelineSchedule::one_f_one_b;
    std::int64_t interleave = 1;  ///< model chunks a rank, interleaved schedule
    std::int64_t expert = 1;
    int zero = 0;               ///< 0, 1, 2 or 3
    std::int64_t shard = 0;     ///< ranks a ZeRO shard group spans (hybrid); 0: data * context
    std::int64_t prefetch = 1;  ///< ZeRO-3: layers gathered ahead
    bool operator==(const ParallelLayout&) const = default;

    [[nodiscard]] std::int64_t world() const { return data * tensor * context * pipeline; }
    /// Ranks that hold the same parameters: data and context peers.
    [[nodiscard]] std::int64_t replicas() const { return data * context; }
    [[nodiscard]] std::int64_t shard_group() const { return shard > 0 ? shard : replicas(); }
};

struct RecomputeSpec {
    RecomputeMode mode = RecomputeMode::none;
    std::int64_t every = 1;  ///< layers a segment, RecomputeMode::every
    SelectiveOps ops{};
    bool operator==(const RecomputeSpec&) const = default;
};

struct OffloadSpec {
    Tier optimizer = Tier::device;  ///< moments and master, and where the update runs
    Tier parameters = Tier::device;
    bool activations = false;  ///< checkpoints move to host memory
    bool operator==(const OffloadSpec&) const = default;
};

struct AdapterSpec {
    AdapterKind kind = AdapterKind::none;
    std::int64_t rank = 16;
    double alpha = 32.0;
    double dropout = 0.0;
    std::vector<std::string> targets{};  ///< empty: every linear of the blocks
    DType dtype = DType::bf16;    ///< adapter weights in compute; master and states follow train
    bool double_quant = true;     ///< qlora
    bool paged_optimizer = true;  ///< qlora
    bool operator==(const AdapterSpec&) const = default;
};

/// Quantization-aware training: what the blocks' linear layers read is rounded to these types.
struct QatSpec {
    QatType weights = QatType::none;  ///< symmetric
    std::int64_t group = 32;          ///< columns of a matrix that share a scale; 0: a whole row
    QatType activations = QatType::none;  ///< asymmetric, a scale a token
    bool operator==(const QatSpec&) const = default;

    [[nodiscard]] bool is_on() const {
        return weights != QatType::none || activations != QatType::none;
    }
};

/// Pruning: the smallest weights of the blocks' matrices are 0 from the first step on, and the rest
/// is trained (Han et al. 2015).
struct PruneSpec {
    PrunePattern pattern = PrunePattern::none;
    double sparsity = 0.5;  ///< of each matrix, the part that is pruned
    bool operator==(const PruneSpec&) const = default;

    [[nodiscard]] bool is_on() const { return pattern != PrunePattern::none; }
};

/// Distillation: a teacher's forward pass joins every micro-step, and the loss asks the student for
/// the teacher's distribution too (Hinton et al. 2015).
struct DistillSpec {
    std::string teacher_name{};          ///< preset id; empty: the spec travels inline
    std::optional<ModelSpec> teacher{};  ///< none: no distillation
    TeacherWeights weights = TeacherWeights::compute;
    double temperature = 2.0;
    double weight = 0.5;  ///< of the teacher in the loss; 1 - weight is cross-entropy's
    bool operator==(const DistillSpec&) const = default;

    [[nodiscard]] bool is_on() const { return teacher.has_value(); }
};

struct HardwareRequest {
    std::string gpu{};  ///< name as asked for; unless it names `profile`, that travels inline
    std::int64_t gpus = 1;
    HardwareProfile profile{};
    std::optional<Usd> usd_per_gpu_hour{};  ///< the user's own price
    std::string node{};  ///< name of the node type in `profile`; empty: the GPU's usual one
    bool operator==(const HardwareRequest&) const = default;
};

/// Everything a prediction depends on: the document that a user edits, saves and undoes.
struct PlanRequest {
    std::string model_name{};  ///< preset id; empty: the spec travels inline
    ModelSpec model{};
    HardwareRequest hardware{};
    TrainSpec train{};
    ParallelLayout layout{};
    RecomputeSpec recompute{};
    OffloadSpec offload{};
    AdapterSpec adapter{};
    QatSpec qat{};
    PruneSpec prune{};
    DistillSpec distill{};
    std::string engine = "headroom";
    bool operator==(const PlanRequest&) const = default;
};

/// Where profiles are and what the user adds to them.
struct Library {
    std::filesystem::path profiles_root{};
    HardwareCatalog hardware{};
    /// The model that a name in a request means; throws InputError at `pointer`.
    std::function<ModelSpec(const std::string& name, const std::string& pointer)> model{};
};

/// Checks every field and how fields fit together (world size, divisibility); throws InputError
/// with the pointer of the field in a request document.
void validate(const PlanRequest& request);

/// Reads a request document ({"model", "hardware", "train", "layout", "techniques"}), or the
/// "request" of a plan. Names resolve through `library`; without "data" in its layout, the GPUs
/// that the other degrees leave are data parallel. Every value is within its limits; how they fit
/// together is for `validate`. Throws InputError.
PlanRequest request_from_json(const JsonCursor& json, const Library& library);
/// Reads back to an equal request; the settings of a technique that is off are not written.
Json to_json(const PlanRequest& request);

}  // namespace headroom
