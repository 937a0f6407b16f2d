#include "planner/lower/forward_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "planner/base/error.h"

namespace headroom {

namespace {

/// A teacher is only evaluated: nothing is dropped, and its routers lose nothing.
TrainSpec evaluation(TrainSpec train) {
    train.dropout = 0.0;
    train.aux_loss = 0.0;
    train.z_loss = 0.0;
    train.capacity_factor = 0.0;
    return train;
}

}  // namespace

ForwardBuilder::ForwardBuilder(Lowering& lowering, Subject subject)
    : request_(lowering.request),
      model_(subject == Subject::teacher ? lowering.request.distill.teacher.value()
                                         : lowering.request.model),
      train_(subject == Subject::teacher ? evaluation(lowering.request.train)
                                         : lowering.request.train),
      graph_(lowering.graph),
      subject_(subject),
      sequence_(lowering.request.train.sequence / lowering.request.layout.context) {}

namespace {

/// The name of a norm's bias, by that of its gain.
std::string_view bias_of(std::string_view gain) {
    struct Row {
        std::string_view gain;
        std::string_view bias;
    };
    constexpr std::array kRows{
        Row{"input_norm.weight", "input_norm.bias"},
        Row{"post_attention_norm.weight", "post_attention_norm.bias"},
        Row{"attn_output_norm.weight", "attn_output_norm.bias"},
        Row{"mlp_output_norm.weight", "mlp_output_norm.bias"},
        Row{"cross_norm.weight", "cross_norm.bias"},
        Row{"final_norm.weight", "final_norm.bias"},
        Row{"encoder_final_norm.weight", "encoder_final_norm.bias"},
        Row{"embed_norm.weight", "embed_norm.bias"},
        Row{"attn.q_norm.weight", "attn.q_norm.bias"},
        Row{"attn.k_norm.weight", "attn.k_norm.bias"},
        Row{"attn.q_a_norm.weight", "attn.q_a_norm.bias"},
        Row{"attn.kv_a_norm.weight", "attn.kv_a_norm.bias"},
    };
    const auto row = std::ranges::find(kRows, gain, &Row::gain);
    if (row == kRows.end()) throw InternalError(fmt::format("norm {} has no bias name", gain));
    return row->bias;
}

}  // namespace

Distillation ForwardBuilder::distillation() const {
    const auto& spec = request_.distill;
    return {.on = true,
            .temperature = spec.temperature,
            .weight = spec.weight,
            .scale = spec.teacher->logit_scale,
            .softcap = spec.teacher->logit_softcap};
}

TensorId ForwardBuilder::parameter(std::string_view part, Shape shape, ParameterKind kind) {
    Tensor tensor{};
    tensor.shape = shape;
    tensor.dtype = train().compute;
    tensor.label = label(part);
    tensor.role = Role::parameter;
    tensor.persistent = true;
    tensor.needs_gradient = subject_ == Subject::student;
    tensor.parameter = {.is_parameter = true,
                        .trainable = subject_ == Subject::student,
                        .decay = shape.rank() > 1,
                        .split = kind.split,
                        .kv_heads = kind.kv_heads,
                        .kv_rows = kind.kv_rows,
                        .unit = kind.unit};
    return graph_.add(tensor);
}

TensorId ForwardBuilder::input(std::string_view part, std::int64_t count) {
    const std::size_t shared = request_.distill.is_on() ? graph_.tensors.size() : 0;
    for (std::size_t i = 0; i < shared; ++i) {
        if (graph_.tensors[i].label.part == part) return {static_cast<std::int32_t>(i)};
    }
    Tensor tensor{};
    tensor.shape = {count};
    tensor.dtype = DType::i32;
    tensor.label = {part, -1};
    tensor.persistent = true;
    return graph_.add(tensor);
}

Emitted ForwardBuilder::emit(Op op, std::initializer_list<TensorId> in, std::string_view part) {
    return emit(std::move(op), std::span<const TensorId>(in.begin(), in.size()), part);
}

Emitted ForwardBuilder::emit(Op op, std::span<const TensorId> in, std::string_view part) {
    return graph_.emit(std::move(op), in, label(part), Phase::forward);
}

TensorId ForwardBuilder::linear(TensorId x, Names names, std::int64_t out, LinearStyle style,
                                bool bias, ParameterKind kind) {
    if (style == LinearStyle::column) kind.split = Split::rows;
    if (style == LinearStyle::row) kind.split = Split::columns;
    const TensorId weight = parameter(names.weight, {out, graph_[x].shape[1]}, kind);
    if (!bias) return one(Linear{.style = style}, {x, weight}, names.module);
    // The bias of a row-parallel layer is added once, to the sum: every rank holds all of it.
    if (style == LinearStyle::row) kind.split = Split::none;
    const TensorId offset = parameter(names.bias, {out}, kind);
    return one(Linear{.style = style}, {x, weight, offset}, names.module);
}

TensorId ForwardBuilder::norm(TensorId x, std::string_view part, std::int64_t group, Split split,
                              UnitKind unit) {
    const std::int64_t width = group > 0 ? group : graph_[x].shape[1];
    const Norm op{.kind = model().norm,
                  .eps = model().norm_eps,
                  .bias = model().norm_bias,
                  .gain_offset = model().gain_offset,
                  .group = group};
    std::vector<TensorId> in{x, parameter(part, {width}, {.split = split, .unit = unit})};
    if (op.bias) in.push_back(parameter(bias_of(part), {width}, {.split = split, .unit = unit}));
    return emit(op, in, part).front();
}

TensorId ForwardBuilder::norm(Stream& stream, std::string_view part, UnitKind unit) {
    if (!stream.pending.valid()) return norm(stream.value, part, 0, Split::none, unit);
    const std::int64_t width = graph_[stream.value].shape[1];
    const Norm op{.kind = model().norm,
                  .eps = model().norm_eps,
                  .residual = true,
                  .branch_scale = model().residual_scale,
                  .bias = model().norm_bias,
                  .gain_offset = model().gain_offset};
    std::vector<TensorId> in{stream.pending, stream.value,
                             parameter(part, {width}, {.unit = unit})};
    if (op.bias) in.push_back(parameter(bias_of(part), {width}, {.unit = unit}));
    const auto out = emit(op, in, part);
    stream = {.value = out[0]};
    return out[1];
}

TensorId ForwardBuilder::settle(Stream& stream) {
    if (stream.pending.valid()) {
        const Add add{.scale = model().residual_scale};
        stream = {.value = one(add, {stream.pending, stream.value}, "residual")};
    }
    return stream.value;
}

TensorId ForwardBuilder::dropout(TensorId x, bool in_place) {
    if (train().dropout <= 0.0) return x;
    const std::int64_t site = layer_ < 0 ? outer_dropouts_++ : dropouts_++;
    const Dropout op{.rate = train().dropout, .in_place = in_place, .site = site};
    return one(op, {x}, "dropout");
}

}  // namespace headroom
