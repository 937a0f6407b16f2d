#include "planner/lower/forward_builder.h"

namespace headroom {
namespace {

/// The head's input: final norm, then BERT's pooler on the side.
TensorId head_input(ForwardBuilder& build, Stream& stream) {
    const auto& model = build.model();
    TensorId x = model.final_norm ? build.norm(stream, "final_norm.weight", UnitKind::head)
                                  : build.settle(stream);
    if (model.pooler) {
        // Masked-language training does not read the pooler: its weights are held, not trained.
        const ParameterKind kind{.unit = UnitKind::head};
        for (const auto id : {build.parameter("pooler.weight", {model.hidden, model.hidden}, kind),
                              build.parameter("pooler.bias", {model.hidden}, kind)}) {
            build.graph()[id].parameter.trainable = false;
            build.graph()[id].needs_gradient = false;
        }
    }
    if (model.embedding_width > 0) {
        constexpr ForwardBuilder::Names kProjectOut{"project_out", "project_out.weight", ""};
        x = build.linear(x, kProjectOut, model.embedding_width, LinearStyle::replicated, false,
                         {.unit = UnitKind::head});
    }
    return x;
}

}  // namespace

TensorId embedding_block(ForwardBuilder& build, Outer& outer) {
    const auto& model = build.model();
    const std::int64_t width = model.embedding_width > 0 ? model.embedding_width : model.hidden;
    const ParameterKind split{.split = Split::rows, .unit = UnitKind::embedding};
    const ParameterKind whole{.unit = UnitKind::embedding};
    outer.table = build.parameter("embed_tokens.weight", {model.vocab, width}, split);
    const TensorId ids = build.input("input.tokens", build.tokens());
    TensorId x =
        build.one(Embedding{.scale = model.embedding_scale}, {ids, outer.table}, "embed_tokens");
    if (model.embedding_width > 0) {
        constexpr ForwardBuilder::Names kIn{"project_in", "project_in.weight", ""};
        x = build.linear(x, kIn, model.hidden, LinearStyle::replicated, false, whole);
    }
    if (model.position == PositionKind::learned) {
        const TensorId table =
            build.parameter("embed_positions.weight", {model.position_rows, model.hidden}, whole);
        const TensorId places = build.input("input.positions", build.tokens());
        x = build.one(AddEmbedding{}, {x, places, table}, "embed_positions");
    }
    if (model.token_types > 0) {
        const TensorId table =
            build.parameter("embed_types.weight", {model.token_types, model.hidden}, whole);
        const TensorId types = build.input("input.types", build.tokens());
        x = build.one(AddEmbedding{}, {x, types, table}, "embed_types");
    }
    if (model.embedding_norm) {
        x = build.norm(x, "embed_norm.weight", 0, Split::none, UnitKind::embedding);
    }
    return build.dropout(x);
}

Head head_block(ForwardBuilder& build, Stream& stream, Outer& outer) {
    const auto& model = build.model();
    const TensorId x = head_input(build, stream);
    const bool own_head = model.lm_head && !model.tied_embeddings;
    TensorId weight = outer.table;
    if (own_head || !weight.valid()) {
        const std::int64_t width = model.embedding_width > 0 ? model.embedding_width : model.hidden;
        weight = build.parameter("lm_head.weight", {model.vocab, width},
                                 {.split = Split::rows, .unit = UnitKind::head});
        build.graph()[weight].parameter.tied_copy = !own_head;
    }
    return {x, weight};
}

void loss_block(ForwardBuilder& build, const Head& head, const Head& teacher) {
    const auto& model = build.model();
    const auto& train = build.train();
    const TensorId targets = build.input("input.targets", build.tokens());
    if (train.loss == LossKind::chunked) {
        HeadLoss loss{
            .chunk = train.loss_chunk, .scale = model.logit_scale, .softcap = model.logit_softcap};
        std::vector<TensorId> in{head.x, head.weight, targets};
        if (teacher.x.valid()) {
            loss.teacher = build.distillation();
            in.insert(in.end(), {teacher.x, teacher.weight});
        }
        build.emit(loss, in, "loss");
        return;
    }
    TensorId logits =
        build.one(Linear{.style = LinearStyle::column}, {head.x, head.weight}, "logits");
    build.graph()[logits].role = Role::logits;
    const bool fused = train.loss == LossKind::fused;
    if (!fused)
        logits = build.one(Cast{.to = DType::f32, .role = Role::logits}, {logits}, "logits.f32");
    build.emit(
        CrossEntropy{.in_place = fused, .scale = model.logit_scale, .softcap = model.logit_softcap},
        {logits, targets}, "loss");
}

}  // namespace headroom
