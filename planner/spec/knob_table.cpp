#include <array>
#include <concepts>

#include "planner/spec/knob.h"
#include "planner/spec/names.h"

namespace headroom {
namespace {

// What a field's type says about its knob: kind, choices, and how a value gets in and out.

KnobValue value_of(bool field) { return field; }
KnobValue value_of(std::integral auto field) { return static_cast<std::int64_t>(field); }
KnobValue value_of(double field) { return field; }
KnobValue value_of(Worded auto field) { return std::string(name(field)); }
KnobValue value_of(const std::vector<std::string>& field) { return field; }
KnobValue value_of(const SelectiveOps& field) {
    std::vector<std::string> names;
    for (const auto& op : kSelectiveOps) {
        if (field.*op.member) names.emplace_back(op.name);
    }
    return names;
}

void assign_to(bool& field, const KnobValue& value) { field = std::get<bool>(value); }
template <std::integral Integer>
void assign_to(Integer& field, const KnobValue& value) {
    field = static_cast<Integer>(std::get<std::int64_t>(value));
}
void assign_to(double& field, const KnobValue& value) { field = std::get<double>(value); }
template <Worded Enum>
void assign_to(Enum& field, const KnobValue& value) {
    field = named<Enum>(std::get<std::string>(value)).value();
}
void assign_to(std::vector<std::string>& field, const KnobValue& value) {
    field = std::get<std::vector<std::string>>(value);
}
void assign_to(SelectiveOps& field, const KnobValue& value) {
    const auto& names = std::get<std::vector<std::string>>(value);
    for (const auto& op : kSelectiveOps) field.*op.member = std::ranges::count(names, op.name) > 0;
}

template <class Field>
constexpr KnobKind kKind = std::is_same_v<Field, bool>       ? KnobKind::boolean
                           : std::is_integral_v<Field>       ? KnobKind::integer
                           : std::is_floating_point_v<Field> ? KnobKind::number
                           : Worded<Field>                   ? KnobKind::choice
                                                             : KnobKind::list;

constexpr auto kSelectiveNames = [] {
    std::array<std::string_view, kSelectiveOps.size()> names{};
    for (std::size_t i = 0; i < names.size(); ++i) names[i] = kSelectiveOps[i].name;
    return names;
}();

template <class Field>
constexpr std::span<const std::string_view> choices_of() {
    if constexpr (Worded<Field>) return kNames<Field>;
    if constexpr (std::is_same_v<Field, SelectiveOps>) return kSelectiveNames;
    if constexpr (std::is_same_v<Field, std::vector<std::string>>) return kAdapterTargets;
    return {};
}

template <class Part>
constexpr auto kPart = nullptr;
template <>
constexpr auto kPart<TrainSpec> = &PlanRequest::train;
template <>
constexpr auto kPart<ParallelLayout> = &PlanRequest::layout;
template <>
constexpr auto kPart<RecomputeSpec> = &PlanRequest::recompute;
template <>
constexpr auto kPart<OffloadSpec> = &PlanRequest::offload;
template <>
constexpr auto kPart<AdapterSpec> = &PlanRequest::adapter;
template <>
constexpr auto kPart<QatSpec> = &PlanRequest::qat;
template <>
constexpr auto kPart<PruneSpec> = &PlanRequest::prune;
template <>
constexpr auto kPart<DistillSpec> = &PlanRequest::distill;

template <class Part, class Field>
constexpr Part part_of(Field Part::*);
template <class Part, class Field>
constexpr Field field_of(Field Part::*);

template <auto Member>
constexpr Knob row(std::string_view name, std::string_view path, std::string_view technique,
                   Range<double> range, std::string_view help) {
    using Part = decltype(part_of(Member));
    using Field = decltype(field_of(Member));
    return {
        .name = name,
        .path = path,
        .technique = technique,
        .kind = kKind<Field>,
        .choices = choices_of<Field>(),
        .low = range.low,
        .high = range.high,
        .help = help,
        .get = [](const PlanRequest& r) { return value_of(r.*kPart<Part>.*Member); },
        .assign = [](PlanRequest& r, const KnobValue& v) { assign_to(r.*kPart<Part>.*Member, v); }};
}

constexpr Range<double> kAny{};
constexpr Range<double> kDegree{1, 4096};
constexpr Range<double> kManyRanks{1, 1 << 20};
constexpr Range<double> kCoefficient{0, 1000};
/// Dropping everything would divide by zero.
constexpr Range<double> kDropout{0, 0.99};
constexpr double kMostTokens = 2147483647;

using T = TrainSpec;
using L = ParallelLayout;
using A = AdapterSpec;
using Q = QatSpec;
using P = PruneSpec;
using D = DistillSpec;

constexpr std::array kKnobs{
    row<&T::goal>("goal", "/train/goal", "", kAny, "what the run is for"),
    row<&T::sequence>("sequence", "/train/sequence", "", {1, 1 << 27}, "tokens a sequence"),
    row<&T::micro_batch>("micro_batch", "/train/micro_batch", "", {1, 65536},
                         "sequences a rank works on at once"),
    row<&T::accumulation>("accumulation", "/train/accumulation", "", {1, 1 << 24},
                          "micro-batches whose gradients add up to one optimizer step"),
    row<&T::tokens>("tokens", "/train/tokens", "", {0, 1e15},
                    "tokens of the whole run; 0: not asked"),
    row<&T::compute>("compute", "/train/compute", "precision", kAny,
                     "dtype of weights and activations in the forward and backward pass"),
    row<&T::master>("master", "/train/master", "precision", kAny,
                    "keep fp32 master weights beside 16-bit ones"),
    row<&T::gradient>("gradient", "/train/gradient", "precision", kAny,
                      "dtype that gradients accumulate in"),
    row<&T::optimizer>("optimizer", "/train/optimizer", "optimizer", kAny,
                       "update rule, which decides the states kept for each parameter"),
    row<&T::loss>("loss", "/train/loss", "loss", kAny,
                  "how head and cross-entropy run: by chunks of tokens, fused, or unfused"),
    row<&T::loss_chunk>("loss_chunk", "/train/loss_chunk", "loss", {1, kMostTokens},
                        "tokens a chunk of the chunked loss"),
    row<&T::attention>("attention", "/train/attention", "attention", kAny,
                       "flash: one fused kernel; eager: scores are stored"),
    row<&T::dropout>("dropout", "/train/dropout", "", kDropout,
                     "probability that an activation is dropped"),
    row<&T::capacity_factor>("capacity_factor", "/train/capacity_factor", "moe", kCoefficient,
                             "slots of an expert over its even share; 0: the model's own"),
    row<&T::moe_imbalance>("moe_imbalance", "/train/moe_imbalance", "moe", {1, 65536},
                           "tokens of the fullest expert rank over the mean"),
    row<&T::aux_loss>("aux_loss", "/train/aux_loss", "moe", {-1, 1000},
                      "load-balance loss coefficient; below 0: the model's own"),
    row<&T::z_loss>("z_loss", "/train/z_loss", "moe", kCoefficient, "router z-loss coefficient"),

    row<&L::data>("data", "/layout/data", "", kManyRanks, "data-parallel degree"),
    row<&L::tensor>("tensor", "/layout/tensor", "tensor_parallel", kDegree,
                    "tensor-parallel degree: ranks that split each matrix"),
    row<&L::sequence_parallel>("sequence_parallel", "/layout/sequence_parallel", "tensor_parallel",
                               kAny, "tensor ranks also split norms and residuals by tokens"),
    row<&L::context>("context", "/layout/context", "context_parallel", kDegree,
                     "context-parallel degree: ranks that split each sequence"),
    row<&L::context_kind>("context_kind", "/layout/context_kind", "context_parallel", kAny,
                          "gather keys and values, or exchange heads for tokens (ulysses)"),
    row<&L::pipeline>("pipeline", "/layout/pipeline", "pipeline", kDegree,
                      "pipeline-parallel degree: stages the layers are cut into"),
    row<&L::schedule>("schedule", "/layout/schedule", "pipeline", kAny,
                      "order of forward and backward passes in the pipeline"),
    row<&L::interleave>("interleave", "/layout/interleave", "pipeline", kDegree,
                        "model chunks a pipeline rank"),
    row<&L::expert>("expert", "/layout/expert", "expert_parallel", kDegree,
                    "expert-parallel degree: ranks that share out the experts"),
    row<&L::zero>("zero", "/layout/zero", "zero", {0, 3},
                  "ZeRO stage: 1 shards optimizer states, 2 gradients too, 3 parameters too"),
    row<&L::shard>("shard", "/layout/shard", "zero", {0, 1 << 20},
                   "ranks a ZeRO shard group spans (hybrid sharding); 0: all"),
    row<&L::prefetch>("prefetch", "/layout/prefetch", "zero", {0, 4096},
                      "layers whose parameters ZeRO 3 gathers ahead"),

    row<&RecomputeSpec::mode>("recompute", "/techniques/recompute/mode", "recompute", kAny,
                              "which activations are computed again instead of kept"),
    row<&RecomputeSpec::every>("recompute_every", "/techniques/recompute/every", "recompute",
                               kDegree, "layers a segment of mode every"),
    row<&RecomputeSpec::ops>("recompute_ops", "/techniques/recompute/ops", "recompute", kAny,
                             "kinds of ops that mode selective computes again"),
    row<&OffloadSpec::optimizer>("offload_optimizer", "/techniques/offload/optimizer", "offload",
                                 kAny, "where optimizer states and master weights live"),
    row<&OffloadSpec::parameters>("offload_parameters", "/techniques/offload/parameters", "offload",
                                  kAny, "where parameters live between uses"),
    row<&OffloadSpec::activations>("offload_activations", "/techniques/offload/activations",
                                   "offload", kAny, "move checkpoints to host memory"),

    row<&A::kind>("adapter", "/techniques/lora/id", "lora", kAny,
                  "low-rank adapters on frozen weights, quantized ones (qlora) or split into "
                  "magnitude and direction (dora)"),
    row<&A::rank>("lora_rank", "/techniques/lora/rank", "lora", {1, 65536},
                  "rank of the adapter matrices"),
    row<&A::alpha>("lora_alpha", "/techniques/lora/alpha", "lora", {0, 1e6},
                   "adapters are scaled by alpha / rank"),
    row<&A::dropout>("lora_dropout", "/techniques/lora/dropout", "lora", kDropout,
                     "dropout on the adapters' input"),
    row<&A::targets>("lora_targets", "/techniques/lora/targets", "lora", kAny,
                     "linear layers with adapters; none: every one of the blocks"),
    row<&A::dtype>("lora_dtype", "/techniques/lora/dtype", "lora", kAny,
                   "dtype of adapter weights in compute"),
    row<&A::double_quant>("double_quant", "/techniques/lora/double_quant", "qlora", kAny,
                          "quantize the scales of quantized weights as well"),
    row<&A::paged_optimizer>("paged_optimizer", "/techniques/lora/paged_optimizer", "qlora", kAny,
                             "optimizer states move to host memory under pressure"),

    row<&Q::weights>("qat", "/techniques/qat/weights", "qat", kAny,
                     "train with the blocks' matrices rounded to this type and back "
                     "(quantization-aware)"),
    row<&Q::group>("qat_group", "/techniques/qat/group", "qat", {0, 1 << 20},
                   "columns of a matrix that share a scale; 0: a whole row"),
    row<&Q::activations>(
        "qat_activations", "/techniques/qat/activations", "qat", kAny,
        "round what those matrices multiply to this type as well, a scale a token"),

    row<&P::pattern>(
        "prune", "/techniques/pruning/pattern", "pruning", kAny,
        "hold the smallest weights of the blocks' matrices at 0: of a whole matrix, or two of "
        "every four"),
    row<&P::sparsity>("prune_sparsity", "/techniques/pruning/sparsity", "pruning", {0, 0.99},
                      "part of each matrix that is pruned"),

    row<&D::weights>("teacher_weights", "/techniques/distillation/weights", "distillation", kAny,
                     "keep the teacher's matrices as the step computes, or in 4 bits (nf4)"),
    row<&D::temperature>("distill_temperature", "/techniques/distillation/temperature",
                         "distillation", {0.01, 1000},
                         "what both models' logits are divided by before they are compared"),
    row<&D::weight>("distill_weight", "/techniques/distillation/weight", "distillation", {0, 1},
                    "the teacher's part of the loss; the rest is cross-entropy's"),
};

}  // namespace

std::span<const Knob> knobs() { return kKnobs; }

}  // namespace headroom
