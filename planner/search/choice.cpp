#include "planner/search/choice.h"

#include <algorithm>
#include <numbers>
#include <numeric>
#include <string_view>
#include <unordered_map>

namespace headroom {
namespace {

constexpr double kPretrainTokens = 4e6;
constexpr double kFinetuneBatch = 64.0;
constexpr std::int64_t kLargestOffered = 64;
/// A context rank with fewer tokens than this spends its time on communication.
constexpr std::int64_t kFewestTokens = 1024;

std::vector<std::int64_t> divisors(std::int64_t n, std::int64_t limit) {
    std::vector<std::int64_t> out;
    for (std::int64_t d = 1; d <= std::min(n, limit); ++d) {
        if (n % d == 0) out.push_back(d);
    }
    return out;
}

/// All of a key in one number: every field is far below its share of the bits.
std::uint64_t packed(const GraphKey& key) {
    std::uint64_t out = 0;
    const auto push = [&](std::int64_t value, int bits) {
        out = (out << bits) | static_cast<std::uint64_t>(value);
    };
    push(key.tensor, 14);
    push(key.context, 8);
    push(key.expert, 14);
    push(key.recompute, 8);
    push(key.activations ? 1 : 0, 1);
    push(static_cast<std::int64_t>(key.adapter), 3);
    push(static_cast<std::int64_t>(key.context_kind), 2);
    return out;
}

/// Fills the space knob by knob; a pinned knob has one value, the base's.
class Enumerator {
public:
    explicit Enumerator(const SearchRequest& request)
        : request_(request), base_(request.base), model_(request.base.model), split_{&model_} {
        if (base_.distill.is_on()) split_.push_back(&*base_.distill.teacher);
        batch_ = request.global_batch > 0 ? request.global_batch : default_global_batch(request);
    }

    Space run() {
        std::vector<std::int64_t> counts{base_.hardware.gpus};
        // The cheapest run may leave GPUs unused.
        while (request_.aim == Aim::cost && counts.back() % 2 == 0) {
            counts.push_back(counts.back() / 2);
        }
        for (const auto gpus : counts) layouts(gpus);
        return std::move(space_);
    }

private:
    [[nodiscard]] bool pinned(std::string_view knob) const { return is_pinned(request_, knob); }
    [[nodiscard]] const Abilities& able() const { return request_.able; }
    template <class T>
    std::vector<T> options(std::string_view knob, T base, std::vector<T> all) const {
        return pinned(knob) ? std::vector<T>{base} : all;
    }
    /// As above, of which nobody but this one may be offered.
    std::vector<std::int64_t> degrees(std::string_view knob, std::int64_t base, Offered offered,
                                      const std::vector<std::int64_t>& all) const {
        return options(knob, base, offered == Offered::yes ? all : std::vector<std::int64_t>{1});
    }
    static std::int32_t narrow(std::int64_t value) { return static_cast<std::int32_t>(value); }

    [[nodiscard]] static bool tensor_fits(const ModelSpec& model, std::int64_t t) {
        const auto& a = model.attention;
        const bool heads = a.heads % t == 0 && (a.kv_heads % t == 0 || t % a.kv_heads == 0);
        const bool widths = model.ffn.width % t == 0 && model.vocab % t == 0;
        const bool experts =
            !model.moe || (model.moe->expert_width % t == 0 && model.moe->shared_width % t == 0);
        return heads && widths && experts;
    }
    [[nodiscard]] bool tensor_fits(std::int64_t t) const {
        return base_.train.sequence % t == 0 &&
               std::ranges::all_of(split_, [&](auto* model) { return tensor_fits(*model, t); });
    }
    /// Whether every rank gets whole heads of keys and of queries.
    [[nodiscard]] bool heads_divide(std::int64_t ranks) const {
        return std::ranges::all_of(split_, [&](const ModelSpec* model) {
            return model->attention.heads % ranks == 0 && model->attention.kv_heads % ranks == 0;
        });
    }

    void layouts(std::int64_t gpus) {
        const std::int64_t domain = std::max({base_.hardware.profile.node.nvlink_domain,
                                              base_.hardware.profile.node.gpus, std::int64_t{1}});
        // Tensor ranks beyond one fast domain never pay: every layer would wait for the network.
        for (const auto t :
             degrees("tensor", base_.layout.tensor, able().tensor, divisors(gpus, domain))) {
            if (gpus % t != 0 || !tensor_fits(t)) continue;
            for (const auto c :
                 degrees("context", base_.layout.context, able().context, divisors(gpus / t, 64))) {
                if (gpus % (t * c) == 0) contexts(gpus, t, c);
            }
        }
    }

    void contexts(std::int64_t gpus, std::int64_t t, std::int64_t c) {
        const std::int64_t sequence = base_.train.sequence;
        const bool splits = sequence % (c * t) == 0 && (c == 1 || sequence / c >= kFewestTokens);
        if (!splits && !pinned("context")) return;
        std::vector<ContextKind> kinds{base_.layout.context_kind};
        if (c > 1 && !pinned("context_kind")) kinds = {ContextKind::gather, ContextKind::ulysses};
        const bool cut = model_.stack != Stack::encoder_decoder && !base_.distill.is_on();
        const auto stages =
            cut ? divisors(gpus / (t * c), model_.layers) : std::vector<std::int64_t>{1};
        for (const auto kind : kinds) {
            if (kind == ContextKind::ulysses && !heads_divide(t * c)) continue;
            for (const auto p :
                 degrees("pipeline", base_.layout.pipeline, able().pipeline, stages)) {
                if (gpus % (t * c * p) != 0) continue;
                if (pinned("data") && gpus / (t * c * p) != base_.layout.data) continue;
                Choice choice{.gpus = narrow(gpus),
                              .data = narrow(gpus / (t * c * p)),
                              .tensor = narrow(t),
                              .context = narrow(c),
                              .pipeline = narrow(p),
                              .context_kind = kind};
                experts(choice);
            }
        }
    }

    void experts(Choice choice) {
        std::vector<std::int64_t> all{1};
        if (model_.moe) {
            auto most = std::int64_t{choice.data} * choice.context;
            for (const auto* model : split_) {
                if (model->moe) most = std::gcd(most, model->moe->experts);
            }
            all = divisors(most, 1024);
        }
        for (const auto e : degrees("expert", base_.layout.expert, able().expert, all)) {
            choice.expert = narrow(e);
            batches(choice);
        }
    }

    void batches(Choice choice) {
        if (batch_ % choice.data != 0) return;
        const std::int64_t mine = batch_ / choice.data;
        for (const auto b :
             options("micro_batch", base_.train.micro_batch, divisors(mine, kLargestOffered))) {
            if (mine % b != 0) continue;
            choice.micro_batch = narrow(b);
            choice.accumulation = narrow(mine / b);
            if (pinned("accumulation") && choice.accumulation != base_.train.accumulation) continue;
            chunks(choice);
        }
    }

    void chunks(Choice choice) {
        const bool can = choice.pipeline > 1 && choice.accumulation % choice.pipeline == 0;
        std::vector<std::int64_t> counts{1};
        for (std::int64_t v = 2; can && v <= 8 && choice.pipeline * v <= model_.layers; v *= 2) {
            counts.push_back(v);
        }
        for (const auto v : options("interleave", base_.layout.interleave, counts)) {
            const bool chunked = base_.layout.schedule == PipelineSchedule::interleaved;
            if (pinned("schedule") && chunked != (v > 1)) continue;
            choice.interleave = narrow(v);
            sharding(choice);
        }
    }

    void sharding(Choice choice) {
        const std::int64_t replicas = std::int64_t{choice.data} * choice.context;
        std::vector<int> stages{0};
        if (replicas > 1)
            stages = choice.pipeline > 1 ? std::vector{0, 1} : std::vector{0, 1, 2, 3};
        std::erase_if(stages, [&](int stage) { return stage > able().zero; });
        for (const auto zero : options("zero", base_.layout.zero, stages)) {
            choice.zero = static_cast<std::uint8_t>(zero);
            std::vector<std::int64_t> groups{0};
            const std::int64_t node = base_.hardware.profile.node.gpus / choice.tensor;
            const bool hybrid = zero == 3 && node > 1 && node < replicas && replicas % node == 0;
            if (hybrid) groups.push_back(node);
            for (const auto group : options("shard", base_.layout.shard, groups)) {
                choice.shard = narrow(group);
                offloads(choice);
            }
        }
    }

    void offloads(Choice choice) {
        const bool trains_much = base_.train.goal != Goal::adapt &&
                                 base_.train.optimizer == OptimizerKind::adamw &&
                                 !is_host(base_.hardware.profile);
        const auto& node = base_.hardware.profile.node;
        std::vector<Tier> tiers{Tier::device};
        if (trains_much && node.host_ram > Bytes{}) tiers.push_back(Tier::cpu);
        if (trains_much && has_drives(base_.hardware.profile)) tiers.push_back(Tier::nvme);
        const bool alone = choice.gpus == 1;
        const auto up_to = [&](Tier furthest) {
            std::vector<Tier> near = tiers;
            std::erase_if(near, [&](Tier tier) { return tier > furthest; });
            return near;
        };
        for (const auto optimizer :
             options("offload_optimizer", base_.offload.optimizer, up_to(able().optimizer))) {
            choice.optimizer = optimizer;
            std::vector<Tier> places{Tier::device};
            if (optimizer != Tier::device && (choice.zero == 3 || alone) && choice.pipeline == 1) {
                places = up_to(able().parameters);
            }
            for (const auto place :
                 options("offload_parameters", base_.offload.parameters, places)) {
                choice.parameters = place;
                recomputes(choice);
            }
        }
    }

    void recomputes(Choice choice) {
        const auto& all = recompute_options();
        const bool kept =
            pinned("recompute") || pinned("recompute_ops") || pinned("recompute_every");
        const std::size_t count = kept ? 1 : all.size();
        for (std::size_t i = 0; i < count; ++i) {
            choice.recompute = kept ? kBaseRecompute : static_cast<std::uint8_t>(i);
            // Without recomputation everything kept would travel: the link is the limit at once.
            const bool can = !kept && !is_host(base_.hardware.profile) &&
                             able().activation_offload == Offered::yes &&
                             all[i].mode != RecomputeMode::none &&
                             all[i].mode != RecomputeMode::selective && choice.pipeline == 1;
            const std::vector<bool> both = can ? std::vector{false, true} : std::vector{false};
            for (const auto away :
                 options("offload_activations", base_.offload.activations, both)) {
                choice.activations = away;
                adapters(choice);
            }
        }
    }

    void adapters(Choice choice) {
        std::vector<AdapterKind> kinds{base_.adapter.kind};
        if (base_.train.goal == Goal::adapt && !pinned("adapter")) {
            kinds = {AdapterKind::lora, AdapterKind::qlora};
        }
        for (const auto kind : kinds) {
            choice.adapter = kind;
            add(choice);
        }
    }

    void add(Choice choice) {
        const GraphKey key = graph_key(choice);
        const auto [at, fresh] =
            index_.try_emplace(packed(key), narrow(static_cast<std::int64_t>(space_.keys.size())));
        if (fresh) space_.keys.push_back(key);
        choice.key = at->second;
        space_.choices.push_back(choice);
    }

public:
    /// Stands for the base request's own recomputation.
    static constexpr std::uint8_t kBaseRecompute = 255;

private:
    const SearchRequest& request_;
    const PlanRequest& base_;
    const ModelSpec& model_;
    std::vector<const ModelSpec*> split_;  ///< what a layout splits: a teacher too
    std::int64_t batch_ = 1;
    Space space_{};
    std::unordered_map<std::uint64_t, std::int32_t> index_{};
};

}  // namespace

const std::vector<RecomputeSpec>& recompute_options() {
    static const std::vector<RecomputeSpec> kOptions{
        {RecomputeMode::none, 1, {}},
        {RecomputeMode::selective, 1, {.norm = true, .activation = false, .attention = false}},
        {RecomputeMode::selective, 1, {.norm = true, .activation = true, .attention = false}},
        {RecomputeMode::selective, 1, {.norm = true, .activation = true, .attention = true}},
        {RecomputeMode::layer, 1, {}},
        {RecomputeMode::every, 2, {}},
        {RecomputeMode::sqrt, 1, {}},
    };
    return kOptions;
}

GraphKey graph_key(const Choice& c) {
    return {c.tensor, c.context, c.expert, c.recompute, c.activations, c.adapter, c.context_kind};
}

bool is_pinned(const SearchRequest& request, std::string_view knob) {
    return std::ranges::find(request.pinned, knob) != request.pinned.end();
}

std::int64_t default_global_batch(const SearchRequest& request) {
    const PlanRequest& base = request.base;
    const auto held = [&](std::string_view knob, std::int64_t value) {
        return is_pinned(request, knob) ? value : 1;
    };
    const std::int64_t split = held("tensor", base.layout.tensor) *
                               held("context", base.layout.context) *
                               held("pipeline", base.layout.pipeline);
    const std::int64_t data = is_pinned(request, "data")
                                  ? base.layout.data
                                  : std::max<std::int64_t>(base.hardware.gpus / split, 1);
    std::int64_t batch = data * held("micro_batch", base.train.micro_batch) *
                         held("accumulation", base.train.accumulation);
    const double wanted = base.train.goal == Goal::pretrain
                              ? kPretrainTokens / static_cast<double>(base.train.sequence)
                              : kFinetuneBatch;
    // Doubled to the nearest: what has many factors leaves a search many layouts. With pinned
    // accumulation more sequences would be larger micro-batches, that nobody asked for.
    while (!is_pinned(request, "accumulation") &&
           static_cast<double>(batch) * std::numbers::sqrt2 <= wanted)
        batch *= 2;
    return batch;
}

Space enumerate(const SearchRequest& request) { return Enumerator(request).run(); }

PlanRequest with(const SearchRequest& request, const Choice& c) {
    PlanRequest out = request.base;
    out.hardware.gpus = c.gpus;
    out.layout.data = c.data;
    out.layout.tensor = c.tensor;
    if (!is_pinned(request, "sequence_parallel")) {
        out.layout.sequence_parallel = c.tensor > 1;
    }
    out.layout.context = c.context;
    out.layout.context_kind = c.context_kind;
    out.layout.pipeline = c.pipeline;
    out.layout.interleave = c.interleave;
    out.layout.schedule =
        c.interleave > 1 ? PipelineSchedule::interleaved : PipelineSchedule::one_f_one_b;
    out.layout.expert = c.expert;
    out.layout.zero = c.zero;
    out.layout.shard = c.shard;
    out.train.micro_batch = c.micro_batch;
    out.train.accumulation = c.accumulation;
    if (c.recompute != Enumerator::kBaseRecompute) {
        out.recompute = recompute_options()[c.recompute];
    }
    out.offload = {c.optimizer, c.parameters, c.activations};
    out.adapter.kind = c.adapter;
    return out;
}

}  // namespace headroom
