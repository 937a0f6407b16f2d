#include "planner/search/rank.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "planner/cost/collective_time.h"
#include "planner/cost/op_time.h"
#include "planner/lower/parameter_count.h"
#include "planner/plan/estimate.h"
#include "planner/technique/recompute.h"

namespace headroom {
namespace {

double ranks_per_shard(const Choice& c, UnitKind kind) {
    const double replicas = static_cast<double>(c.data) * c.context;
    if (kind == UnitKind::expert) return replicas / c.expert;
    return c.shard > 0 ? static_cast<double>(c.shard) : replicas;
}

/// Of what embedding and head add together, the part charged to the fullest of several stages.
constexpr double kOuterShare = 0.5;

}  // namespace

/// What a stage holds of one choice, summed over its units.
struct Ranker::States {
    double device = 0.0;
    double host = 0.0;
    double nvme = 0.0;
    std::array<double, 4> weights{};    ///< by UnitKind: bytes of the stage's weights, unsharded
    std::array<double, 4> taught{};     ///< by UnitKind: of a teacher's, which forward alone reads
    std::array<double, 4> gradients{};  ///< by UnitKind: bytes of its gradients, unsharded
    double kept_weights = 0.0;          ///< bytes of this rank's shard
    double kept_taught = 0.0;           ///< and of a teacher's
    double kept_elements = 0.0;         ///< trainable, of this rank's shard
    double state_bytes = 0.0;           ///< of this rank's shard
    double window = 0.0;                ///< weights fetched ahead and gradients on their way out
};

Ranker::Ranker(const SearchRequest& request) : request_(request) {
    const auto& train = request.base.train;
    const auto& gpu = request.base.hardware.profile;
    const ParameterCount count = count_parameters(request.base.model);
    if (const auto& teacher = request.base.distill.teacher) {
        const ParameterCount shown = count_parameters(*teacher);
        const bool codes = request.base.distill.weights == TeacherWeights::nf4;
        teacher_ = static_cast<double>(shown.language - shown.expert) *
                   (codes ? 0.5 : bits(train.compute) / 8.0);
    }
    parameters_ = static_cast<double>(count.language);
    expert_parameters_ = static_cast<double>(count.expert);
    gradient_bytes_ = bits(train.gradient) / 8.0;
    weight_ = bits(train.compute) / 8.0;
    trainable_state_ = train.compute != DType::f32 && train.master ? 4.0 : 0.0;
    constexpr std::int64_t kSample = 1 << 20;
    for (const auto& state : optimizer_states(train.optimizer, kSample, 1)) {
        trainable_state_ += static_cast<double>(bytes_of(state.elements, state.dtype)) / kSample;
    }
    memory_rate_ = gpu.memory_bandwidth.count() * gpu.memory_fraction;
    pcie_rate_ = std::max(gpu.pcie.count() * gpu.pcie_fraction, 1.0);
    host_rate_ = kHostBandwidthPerGpu.count();
    const auto gpus = static_cast<double>(std::max<std::int64_t>(gpu.node.gpus, 1));
    nvme_rate_ = std::max(std::min(gpu.node.nvme_read, gpu.node.nvme_write).count() / gpus, 1.0);
}

double Ranker::least_bytes(const Choice& c) const {
    if (c.adapter != AdapterKind::none) return 0.0;
    const double per_rank = 1.0 / (static_cast<double>(c.tensor) * c.pipeline);
    const double dense = (parameters_ - expert_parameters_) * per_rank;
    const double experts = expert_parameters_ * per_rank / c.expert;
    double bytes = 0.0;
    const auto add = [&](double elements, UnitKind kind) {
        const double shards = c.zero > 0 ? ranks_per_shard(c, kind) : 1.0;
        const bool fetched = c.zero == 3 || c.parameters != Tier::device;
        if (c.parameters == Tier::device) bytes += elements * weight_ / (fetched ? shards : 1.0);
        const bool away = c.optimizer != Tier::device;
        if (!away) {
            bytes += elements * gradient_bytes_ / (c.zero >= 2 ? shards : 1.0);
            bytes += elements * trainable_state_ / shards;
        }
    };
    if (c.parameters == Tier::device) {
        const double shards = c.zero == 3 ? ranks_per_shard(c, UnitKind::dense) : 1.0;
        bytes += teacher_ * per_rank / shards;
    }
    add(dense, UnitKind::dense);
    add(experts, UnitKind::expert);
    return bytes;
}

double Ranker::sync_seconds(const Choice& c, CollectiveKind kind, Axis axis, std::int64_t ranks,
                            double bytes) const {
    if (ranks <= 1 || bytes <= 0.0) return 0.0;
    ParallelLayout layout;
    layout.data = c.data;
    layout.tensor = c.tensor;
    layout.context = c.context;
    layout.pipeline = c.pipeline;
    layout.expert = c.expert;
    layout.shard = c.shard;
    const Topology topology(request_.base.hardware.profile, layout);
    return collective_time(topology.span(axis, ranks), kind,
                           Bytes{static_cast<std::int64_t>(bytes)})
        .time.count();
}

Ranker::States Ranker::states(const Choice& c, const KeyProfile& key) const {
    const double layers = static_cast<double>(request_.base.model.layers) / c.pipeline;
    const bool by_zero = c.zero == 3;
    const bool leaves = gradients_leave(c);
    // The first stage holds the embedding and most micro-batches, the last one the head.
    const double outer = c.pipeline > 1 ? kOuterShare : 1.0;
    States s;
    const auto put = [&](Tier tier, double bytes) {
        (tier == Tier::device ? s.device : (tier == Tier::cpu ? s.host : s.nvme)) += bytes;
    };
    for (std::size_t k = 0; k < key.layer.size(); ++k) {
        const UnitSize& l = key.layer[k];
        const UnitSize& o = key.outer[k];
        const double shards = c.zero > 0 ? ranks_per_shard(c, static_cast<UnitKind>(k)) : 1.0;
        const double weights = layers * l.weight_bytes + outer * o.weight_bytes;
        const double elements = layers * l.trainable + outer * o.trainable;
        const double states = (layers * l.state_bytes + outer * o.state_bytes) / shards;
        put(c.parameters, (weights + o.teacher_bytes) / (by_zero ? shards : 1.0));
        put(leaves ? Tier::cpu : Tier::device,
            elements * gradient_bytes_ / (c.zero >= 2 ? shards : 1.0));
        put(c.optimizer, states);
        if (by_zero || c.parameters != Tier::device) {
            s.window += 2.0 * std::max(l.weight_bytes, kOuterShare * o.weight_bytes);
        }
        if ((c.zero >= 2 && shards > 1.0) || leaves)
            s.window += 2.0 * l.trainable * gradient_bytes_;
        s.weights[k] = weights;
        s.gradients[k] = elements * gradient_bytes_;
        s.taught[k] = o.teacher_bytes;
        s.kept_weights += weights / (by_zero ? shards : 1.0);
        s.kept_taught += o.teacher_bytes / (by_zero ? shards : 1.0);
        s.kept_elements += elements / shards;
        s.state_bytes += states;
    }
    return s;
}

Score Ranker::score(const Choice& c, const KeyProfile& key) const {
    const States s = states(c, key);
    const double layers = static_cast<double>(request_.base.model.layers) / c.pipeline;
    const double outer = c.pipeline > 1 ? kOuterShare : 1.0;
    const double flight = std::min(c.accumulation, c.pipeline) +
                          (c.interleave > 1 ? (c.pipeline - 1.0) / c.interleave : 0.0);
    MicroProfile micro = at(key, c.micro_batch);
    if (micro.rebuilt > 0.0) {
        const double segment = segment_of(c, layers);
        micro.layer_kept /= segment;
        micro.excess += (segment - 1.0) * micro.rebuilt;
    }
    Score score{.host = s.host, .nvme = s.nvme};
    score.bytes = s.device + s.window + micro.excess +
                  flight * (layers * micro.layer_kept + outer * micro.outer_kept) +
                  outside_bytes(c);
    score.step = step_seconds(c, micro, s, layers);
    return score;
}

double Ranker::segment_of(const Choice& c, double layers) const {
    const bool own = c.recompute >= recompute_options().size();
    const RecomputeSpec& spec = own ? request_.base.recompute : recompute_options()[c.recompute];
    return static_cast<double>(segment_layers(spec, std::llround(layers)));
}

double Ranker::outside_bytes(const Choice& c) const {
    const std::array sizes{c.data * c.context, c.tensor, c.context, c.pipeline, c.expert};
    const auto groups = std::ranges::count_if(sizes, [](std::int32_t size) { return size > 1; });
    return context_of_program(request_.base.hardware.profile).real() +
           static_cast<double>(groups) * CommunicatorBytes{}.expected.real();
}

bool Ranker::gradients_leave(const Choice& c) {
    return c.optimizer != Tier::device && (c.zero >= 2 || c.data * c.context == 1);
}

double Ranker::step_seconds(const Choice& c, const MicroProfile& key, const States& s,
                            double layers) const {
    const double compute =
        layers * key.layer_seconds + (c.pipeline > 1 ? kOuterShare : 1.0) * key.outer_seconds;
    const double backward = layers * key.layer_backward;
    const auto scatter = [&] {
        return shard_seconds(c, CollectiveKind::reduce_scatter, s.gradients);
    };
    const auto gather = [&] { return shard_seconds(c, CollectiveKind::all_gather, s.weights); };
    const auto gather_teacher = [&] {
        return shard_seconds(c, CollectiveKind::all_gather, s.taught);
    };
    double micro = compute;
    double once = update_seconds(c, s);
    switch (c.zero) {
        case 3:
            // Each pass hides what travels beside it, not beside the other.
            micro = std::max(compute - backward, gather() + gather_teacher()) +
                    std::max(backward, gather() + scatter());
            break;
        case 2:
            micro = std::max(compute, compute - backward + scatter());
            once += gather();
            break;
        case 1:
            once += std::max(0.0, scatter() - backward) + gather();
            break;
        default:
            once +=
                std::max(0.0, shard_seconds(c, CollectiveKind::all_reduce, s.gradients) - backward);
    }
    if (c.parameters != Tier::device) {
        const double rate =
            c.parameters == Tier::cpu ? pcie_rate_ : std::min(pcie_rate_, nvme_rate_);
        micro = std::max(micro, (2.0 * s.kept_weights + s.kept_taught) / rate);
    }
    if (gradients_leave(c)) {
        micro =
            std::max(micro, compute - backward + s.kept_elements * gradient_bytes_ / pcie_rate_);
    }
    return (c.accumulation + (c.pipeline - 1.0) / c.interleave) * micro + once;
}

double Ranker::shard_seconds(const Choice& c, CollectiveKind kind,
                             const std::array<double, 4>& bytes) const {
    const auto experts = static_cast<std::size_t>(UnitKind::expert);
    const double dense = std::accumulate(bytes.begin(), bytes.end(), -bytes[experts]);
    const Axis axis = c.zero > 0 ? Axis::shard : Axis::data;
    return sync_seconds(c, kind, axis,
                        static_cast<std::int64_t>(ranks_per_shard(c, UnitKind::dense)), dense) +
           sync_seconds(c, kind, Axis::expert_data,
                        static_cast<std::int64_t>(ranks_per_shard(c, UnitKind::expert)),
                        bytes[experts]);
}

double Ranker::update_seconds(const Choice& c, const States& s) const {
    const double moved = 2.0 * s.state_bytes + s.kept_elements * (gradient_bytes_ + weight_);
    if (c.optimizer == Tier::device) return moved / memory_rate_;
    const double host = moved / host_rate_ + s.kept_elements * weight_ / pcie_rate_;
    return c.optimizer == Tier::cpu ? host : std::max(host, s.state_bytes / nvme_rate_);
}

}  // namespace headroom
