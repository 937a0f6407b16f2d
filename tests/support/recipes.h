#pragma once

#include <array>
#include <random>

#include "tests/support/requests.h"

namespace headroom::test {

/// Random legal recipes over a small model: every technique with the others.
class Recipes {
public:
    explicit Recipes(unsigned seed) : random_(seed) {}

    PlanRequest next() {
        PlanRequest r = request_for(model(), 64 * pick({1, 2, 4}));
        r.train.micro_batch = pick({1, 2, 3});
        r.train.accumulation = pick({1, 2, 4});
        r.train.loss = static_cast<LossKind>(pick({0, 1, 2}));
        r.train.optimizer = static_cast<OptimizerKind>(pick({0, 0, 1, 2, 3, 4}));
        r.train.attention = static_cast<AttentionImpl>(pick({0, 0, 1}));
        r.train.dropout = pick({0, 0, 1}) != 0 ? 0.1 : 0.0;
        if (pick({0, 1}) != 0) r.train.gradient = DType::f32;
        if (pick({0, 0, 0, 1}) != 0) r.train.compute = r.train.gradient = DType::f32;
        layout(r);
        r.recompute = {static_cast<RecomputeMode>(pick({0, 1, 2, 3, 4, 5})),
                       pick({1, 2, 3}),
                       {flip(), flip(), flip()}};
        // None at all is no selection.
        if (r.recompute.ops == SelectiveOps{false, false, false}) r.recompute.ops = {};
        if (pick({0, 0, 1}) != 0) offload(r);
        r.adapter.kind = static_cast<AdapterKind>(pick({0, 0, 0, 1, 2, 3}));
        r.adapter.double_quant = flip();
        r.adapter.paged_optimizer = flip();
        r.adapter.dropout = flip() ? 0.05 : 0.0;
        if (pick({0, 0, 1}) != 0) qat(r);
        if (r.adapter.kind == AdapterKind::none && pick({0, 0, 1}) != 0) {
            r.prune = {static_cast<PrunePattern>(pick({1, 2})), 0.5};
        }
        if (r.layout.pipeline == 1 && pick({0, 0, 1}) != 0) distill(r);
        r.hardware.gpus = r.layout.world();
        return r;
    }

    std::int64_t pick(std::initializer_list<std::int64_t> from) {
        return *(from.begin() + static_cast<std::ptrdiff_t>(random_() % from.size()));
    }
    bool flip() { return pick({0, 1}) != 0; }

private:
    ModelSpec model() {
        ModelSpec m = small_llama(pick({9, 12, 17, 23}));
        if (flip()) m.tied_embeddings = true;
        if (flip()) m.attention.qk_norm = QkNorm::per_head;
        m.placement = static_cast<NormPlacement>(pick({0, 0, 1, 2, 3}));
        if (pick({0, 0, 1}) != 0) {
            m.norm = NormKind::layer;
            m.norm_bias = true;
            m.attention.fused_qkv = flip();
        }
        if (m.placement == NormPlacement::pre) m.parallel_residual = pick({0, 0, 0, 1}) != 0;
        if (pick({0, 0, 1}) != 0) {
            m.moe = MoeSpec{.experts = 8,
                            .top_k = 2,
                            .expert_width = 128,
                            .shared_width = pick({0, 256}),
                            .shared_gate = flip()};
            if (m.moe->shared_width == 0) m.moe->shared_gate = false;
            const auto dense = pick({0, 1, 3});
            for (std::int64_t i = 0; i < m.layers; ++i) m.moe_layers.push_back(i >= dense);
        }
        return m;
    }

    void layout(PlanRequest& r) {
        auto& l = r.layout;
        l.tensor = pick({1, 1, 2, 4});
        l.sequence_parallel = l.tensor > 1 && flip();
        l.context = pick({1, 1, 2});
        l.context_kind = l.tensor < 4 && flip() ? ContextKind::ulysses : ContextKind::gather;
        l.data = pick({1, 2, 4});
        l.pipeline = pick({1, 1, 1, 2});
        if (r.model.moe && l.data % 2 == 0) l.expert = pick({1, 2});
        l.zero = static_cast<int>(l.pipeline > 1 ? pick({0, 1}) : pick({0, 1, 2, 3}));
        l.prefetch = pick({0, 1, 2});
        if (l.zero > 0 && l.data == 4 && l.expert == 1 && flip()) l.shard = 2 * l.context;
    }

    void offload(PlanRequest& r) {
        r.train.optimizer = OptimizerKind::adamw;
        r.offload.optimizer = static_cast<Tier>(pick({0, 1, 2}));
        if (r.offload.optimizer != Tier::device && (r.layout.zero == 3 || r.layout.world() == 1)) {
            r.offload.parameters = static_cast<Tier>(pick({0, 1, 2}));
        }
        r.offload.activations = flip();
        if (r.offload.activations) r.train.micro_batch = 64;
    }

    void qat(PlanRequest& r) {
        if (r.adapter.kind != AdapterKind::none) r.adapter.kind = AdapterKind::lora;
        r.qat.weights = static_cast<QatType>(pick({0, 1, 2}));
        r.qat.group = pick({0, 24, 48});
        if (r.layout.tensor == 1) r.qat.activations = static_cast<QatType>(pick({0, 1, 2}));
    }

    void distill(PlanRequest& r) {
        r.train.loss = LossKind::chunked;
        r.distill = {.teacher = model(), .weights = static_cast<TeacherWeights>(pick({0, 1}))};
    }

    std::mt19937 random_;
};

}  // namespace headroom::test
