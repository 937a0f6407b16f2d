#include "planner/lower/forward_builder.h"

namespace headroom {
namespace {

constexpr std::string_view kInputNorm = "input_norm.weight";
constexpr std::string_view kPostAttention = "post_attention_norm.weight";

TensorId feed_forward(ForwardBuilder& build, TensorId x, bool moe) {
    return build.dropout(moe ? moe_block(build, x) : ffn_block(build, x));
}

TensorId attend(ForwardBuilder& build, TensorId x, bool causal, TensorId bias) {
    return build.dropout(attention_block(build, x, {}, causal, bias));
}

void parallel_layer(ForwardBuilder& build, Stream& stream, bool moe, bool causal, TensorId bias) {
    const TensorId x = build.norm(stream, kInputNorm);
    const TensorId y = build.model().shared_input_norm ? x : build.norm(stream, kPostAttention);
    const TensorId attended = attend(build, x, causal, bias);
    const TensorId fed = feed_forward(build, y, moe);
    stream.pending = build.one(Add{}, {attended, fed}, "parallel_sum");
}

/// Norm before each part (llama), and for gemma2 on its output as well.
void pre_layer(ForwardBuilder& build, Stream& stream, bool moe, bool causal, TensorId bias) {
    const bool sandwich = build.model().placement == NormPlacement::sandwich;
    TensorId branch = attend(build, build.norm(stream, kInputNorm), causal, bias);
    if (sandwich) branch = build.norm(branch, "attn_output_norm.weight");
    stream.pending = branch;
    branch = feed_forward(build, build.norm(stream, kPostAttention), moe);
    if (sandwich) branch = build.norm(branch, "mlp_output_norm.weight");
    stream.pending = branch;
}

/// Norm on each part's output, then the residual add (olmo2).
void output_layer(ForwardBuilder& build, Stream& stream, bool moe, bool causal, TensorId bias) {
    TensorId branch = attend(build, build.settle(stream), causal, bias);
    stream.pending = build.norm(branch, kPostAttention);
    branch = feed_forward(build, build.settle(stream), moe);
    stream.pending = build.norm(branch, "mlp_output_norm.weight");
}

/// Norm after each residual add (bert): what it normalises is the next part's input.
void post_layer(ForwardBuilder& build, Stream& stream, bool moe, bool causal, TensorId bias) {
    stream.pending = attend(build, stream.value, causal, bias);
    stream = {.value = build.norm(stream, kPostAttention)};
    stream.pending = feed_forward(build, stream.value, moe);
    stream = {.value = build.norm(stream, "mlp_output_norm.weight")};
}

/// The value that crosses to the next pipeline stage, and what the next stage starts from.
void cross_stage(ForwardBuilder& build, Stream& stream, bool send) {
    if (send) {
        const Collective op{.kind = CollectiveKind::send, .axis = Axis::pipeline, .size = 2};
        build.emit(op, {build.settle(stream)}, "stage.output");
        return;
    }
    const Receive op{
        .rows = build.tokens(), .columns = build.model().hidden, .dtype = build.train().compute};
    const TensorId x = build.one(op, {}, "stage.input");
    build.graph()[x].needs_gradient = true;
    stream = {.value = x};
}

TensorId relative_table(ForwardBuilder& build) {
    if (build.model().position != PositionKind::relative_bias) return {};
    return build.parameter("relative_bias.weight",
                           {build.model().relative_buckets, build.model().attention.heads},
                           {.split = Split::columns, .unit = UnitKind::embedding});
}

/// What a stage ends with: its head, if it has one.
Head emit_stack(ForwardBuilder& build, const Stage& stage, bool causal) {
    Outer outer;
    Stream stream;
    if (stage.has_embedding) {
        stream.value = embedding_block(build, outer);
    } else {
        cross_stage(build, stream, false);
    }
    const TensorId bias = relative_table(build);
    for (std::size_t chunk = 0; chunk < stage.chunks.size(); ++chunk) {
        if (chunk > 0) {
            cross_stage(build, stream, true);
            cross_stage(build, stream, false);
        }
        for (auto layer = stage.chunks[chunk].first; layer < stage.chunks[chunk].last; ++layer) {
            build.set_layer(layer);
            layer_block(build, stream, build.model().is_moe_layer(layer), causal, bias);
        }
        build.set_layer(-1);
    }
    if (stage.has_head) return head_block(build, stream, outer);
    cross_stage(build, stream, true);
    return {};
}

/// The decoder half of an encoder-decoder: self-attention, cross-attention, feed-forward.
void decoder_layer(ForwardBuilder& build, Stream& stream, TensorId memory, bool moe,
                   TensorId bias) {
    stream.pending = attend(build, build.norm(stream, kInputNorm), true, bias);
    const TensorId x = build.norm(stream, "cross_norm.weight");
    stream.pending = build.dropout(attention_block(build, x, memory, false, {}));
    stream.pending = feed_forward(build, build.norm(stream, kPostAttention), moe);
}

Head emit_encoder_decoder(ForwardBuilder& build) {
    const auto& model = build.model();
    Outer outer;
    Stream encoder{.value = embedding_block(build, outer)};
    const TensorId encoder_bias = relative_table(build);
    for (std::int64_t layer = 0; layer < model.encoder_layers; ++layer) {
        build.set_layer(layer);
        const auto at = static_cast<std::size_t>(layer);
        const bool moe = at < model.encoder_moe_layers.size() && model.encoder_moe_layers[at];
        layer_block(build, encoder, moe, false, encoder_bias);
    }
    build.set_layer(-1);
    const TensorId memory =
        build.dropout(build.norm(encoder, "encoder_final_norm.weight", UnitKind::embedding));
    const TensorId ids = build.input("input.decoder_tokens", build.tokens());
    Stream stream{.value = build.dropout(build.one(Embedding{.scale = model.embedding_scale},
                                                   {ids, outer.table}, "decoder_embed"))};
    const TensorId bias = relative_table(build);
    for (std::int64_t layer = 0; layer < model.layers; ++layer) {
        build.set_layer(model.encoder_layers + layer);
        decoder_layer(build, stream, memory, model.is_moe_layer(layer), bias);
    }
    build.set_layer(-1);
    return head_block(build, stream, outer);
}

Head emit_model(ForwardBuilder& build, const Stage& stage) {
    if (build.model().stack == Stack::encoder_decoder) return emit_encoder_decoder(build);
    return emit_stack(build, stage, build.model().stack == Stack::decoder);
}

/// A teacher is on the stage whole: with one there is no pipeline.
Head emit_teacher(Lowering& lowering) {
    ForwardBuilder build(lowering, Subject::teacher);
    return emit_model(build, {.chunks = {{0, build.model().layers}}});
}

}  // namespace

void layer_block(ForwardBuilder& build, Stream& stream, bool moe, bool causal,
                 TensorId relative_bias) {
    if (build.model().parallel_residual) {
        parallel_layer(build, stream, moe, causal, relative_bias);
        return;
    }
    switch (build.model().placement) {
        case NormPlacement::pre:
        case NormPlacement::sandwich:
            pre_layer(build, stream, moe, causal, relative_bias);
            break;
        case NormPlacement::output:
            output_layer(build, stream, moe, causal, relative_bias);
            break;
        case NormPlacement::post:
            post_layer(build, stream, moe, causal, relative_bias);
            break;
    }
}

void emit_forward(Lowering& lowering) {
    const Head teacher = lowering.request.distill.is_on() ? emit_teacher(lowering) : Head{};
    ForwardBuilder build(lowering, Subject::student);
    const Head head = emit_model(build, lowering.stage);
    if (head.x.valid()) loss_block(build, head, teacher);
}

}  // namespace headroom
