#include "tests/step/sample_graph.h"

#include "planner/step/tape.h"

namespace headroom {

TensorId SampleGraph::input(Shape shape, DType dtype, std::string_view part) {
    return transient(part, shape, dtype);
}

TensorId SampleGraph::persistent(std::string_view part, Shape shape, Role role, DType dtype) {
    const TensorId id = transient(part, shape, dtype);
    graph[id].role = role;
    graph[id].persistent = true;
    return id;
}

TensorId SampleGraph::parameter(std::string_view part, Shape shape, bool trains) {
    const TensorId id = persistent(part, shape, Role::parameter);
    graph[id].parameter.is_parameter = true;
    graph[id].needs_gradient = trains;
    if (!trains) return id;
    const TensorId gradient = persistent(part, shape, Role::gradient, DType::f32);
    graph[gradient].label.gradient = true;
    graph[id].parameter.gradient = gradient;
    return id;
}

TensorId SampleGraph::transient(std::string_view part, Shape shape, DType dtype, Place place) {
    Tensor tensor{};
    tensor.shape = shape;
    tensor.dtype = dtype;
    tensor.label = {part, layer};
    tensor.place = place;
    return graph.add(tensor);
}

TensorId SampleGraph::view(TensorId storage, Shape shape, Bytes offset) {
    Tensor tensor = graph[storage];
    tensor.shape = shape;
    tensor.offset = offset;
    tensor.storage = storage;
    return graph.add(tensor);
}

Emitted SampleGraph::emit(Op op, std::initializer_list<TensorId> in, std::string_view part) {
    return graph.emit(std::move(op), std::span(in.begin(), in.size()), {part, layer},
                      Phase::forward);
}

void SampleGraph::put(Op op, std::initializer_list<TensorId> in,
                      std::initializer_list<TensorId> out) {
    graph.ops.push_back(graph.make(std::move(op), std::span(in.begin(), in.size()),
                                   std::span(out.begin(), out.size())));
}

int find_op(const StepGraph& graph, std::string_view op, std::size_t nth) {
    for (std::size_t at = 0; at < graph.ops.size(); ++at) {
        if (name(graph.ops[at].op) == op && nth-- == 0) return static_cast<int>(at);
    }
    return -1;
}

namespace {

/// The residual stream, and a branch output not yet added to it.
struct Stream {
    TensorId value{};
    TensorId branch{};
};

TensorId norm(SampleGraph& build, Stream& stream, std::int64_t width) {
    const TensorId gamma = build.parameter("norm.weight", {width});
    if (!stream.branch.valid()) return build.one(Norm{}, {stream.value, gamma}, "norm");
    const auto out =
        build.emit(Norm{.residual = true}, {stream.branch, stream.value, gamma}, "norm");
    stream = {.value = out[0]};
    return out[1];
}

TensorId linear(SampleGraph& build, TensorId x, std::int64_t out, std::string_view part) {
    const std::int64_t in = build.graph[x].shape[1];
    return build.one(Linear{}, {x, build.parameter(part, {out, in})}, part);
}

TensorId attention(SampleGraph& build, TensorId x, const DecoderSize& size) {
    const std::int64_t head = size.hidden / size.heads;
    const std::int64_t kv = head * size.kv_heads;
    const TensorId q = linear(build, x, size.hidden, "attn.q");
    const TensorId k = linear(build, x, kv, "attn.k");
    const TensorId v = linear(build, x, kv, "attn.v");
    const auto turned = build.emit(Rope{.head_dim = head, .rotary = head, .sequence = size.tokens},
                                   {q, k}, "attn.rope");
    const Attention op{.shape = {.batch = 1, .head_dim = head, .value_dim = head}};
    const TensorId context = build.one(op, {turned[0], turned[1], v}, "attn.context");
    return linear(build, context, size.hidden, "attn.o");
}

TensorId feed_forward(SampleGraph& build, TensorId x, const DecoderSize& size) {
    const TensorId gate = linear(build, x, size.ffn, "mlp.gate");
    const TensorId up = linear(build, x, size.ffn, "mlp.up");
    const TensorId inner = build.one(Activate{.gated = true}, {gate, up}, "mlp.act");
    return linear(build, inner, size.hidden, "mlp.down");
}

}  // namespace

StepGraph decoder(const DecoderSize& size) {
    SampleGraph build;
    const TensorId ids = build.input({size.tokens}, DType::i32, "input.ids");
    const TensorId targets = build.input({size.tokens}, DType::i32, "input.targets");
    const TensorId table = build.parameter("embedding", {size.vocabulary, size.hidden});
    Stream stream{.value = build.one(Embedding{}, {ids, table}, "embedding")};
    for (std::int32_t layer = 0; layer < size.layers; ++layer) {
        build.layer = layer;
        stream.branch = attention(build, norm(build, stream, size.hidden), size);
        stream.branch = feed_forward(build, norm(build, stream, size.hidden), size);
    }
    build.layer = -1;
    const TensorId x = norm(build, stream, size.hidden);
    const TensorId logits = linear(build, x, size.vocabulary, "head");
    build.graph[logits].role = Role::logits;
    build.one(CrossEntropy{}, {logits, targets}, "loss");
    Tape(build.graph).run();
    return std::move(build.graph);
}

}  // namespace headroom
