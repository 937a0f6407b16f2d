#include "planner/step/op/elementwise.h"

#include <array>

#include "planner/step/step_graph.h"
#include "planner/step/tape.h"

namespace headroom {

namespace {

double count(const TensorSpec& spec) { return static_cast<double>(numel(spec.shape)); }

}  // namespace

Outputs Add::outputs(const Specs& in) const {
    return {{.shape = in[0].shape, .dtype = in[0].dtype, .alias = in_place ? 0 : -1}};
}
Work Add::work(const Specs& in, const Specs&) const { return {.vector = Flops{count(in[0])}}; }
void Add::backward(Tape& tape, const OpNode& node) const {
    const TensorId dy = tape.gradient(tape.out(node, 0));
    TensorId first = dy;
    if (scale != 1.0) {
        const Add times{.scale = scale - 1.0, .in_place = false};
        first = tape.emit(times, std::array{dy, dy}, dy)[0];
    }
    tape.give(tape.in(node, 0), first);
    tape.give(tape.in(node, 1), dy);
}

Outputs Accumulate::outputs(const Specs& in) const {
    return {{.shape = in[0].shape, .dtype = in[0].dtype, .alias = 0}};
}
Work Accumulate::work(const Specs& in, const Specs&) const {
    return {.vector = Flops{count(in[0])}};
}

Outputs Dropout::outputs(const Specs& in) const {
    return {{.shape = in[0].shape, .dtype = in[0].dtype, .alias = in_place ? 0 : -1},
            {.shape = in[0].shape, .dtype = DType::u8, .part = "dropout.mask"}};
}
Work Dropout::work(const Specs& in, const Specs&) const {
    return {.vector = Flops{2.0 * count(in[0])}};
}
void Dropout::backward(Tape& tape, const OpNode& node) const {
    const TensorId x = tape.in(node, 0);
    if (!tape.wants(x)) return;
    const TensorId dy = tape.gradient(tape.out(node, 0));
    const DropoutGrad grad{.rate = rate, .in_place = tape.exclusive(dy)};
    const std::array in{dy, tape.out(node, 1)};
    tape.give(x, tape.emit(grad, in, x)[0]);
}

Outputs DropoutGrad::outputs(const Specs& in) const {
    return {{.shape = in[0].shape, .dtype = in[0].dtype, .alias = in_place ? 0 : -1}};
}
Work DropoutGrad::work(const Specs& in, const Specs&) const {
    return {.vector = Flops{2.0 * count(in[0])}};
}

Outputs Cast::outputs(const Specs& in) const {
    return {{.shape = in[0].shape, .dtype = to, .role = role}};
}
Work Cast::work(const Specs& in, const Specs&) const { return {.vector = Flops{count(in[0])}}; }
void Cast::backward(Tape& tape, const OpNode& node) const {
    const TensorId x = tape.in(node, 0);
    if (!tape.wants(x)) return;
    const Cast back{.to = tape.graph()[x].dtype, .role = role};
    tape.give(x, tape.emit(back, std::array{tape.gradient(tape.out(node, 0))}, x)[0]);
}

Outputs SplitColumns::outputs(const Specs& in) const {
    Outputs out;
    std::int64_t column = 0;
    for (const auto width : {a, b, c}) {
        if (width == 0) continue;
        out.push(
            {.shape = {in[0].shape[0], width}, .dtype = in[0].dtype, .alias = 0, .column = column});
        column += width;
    }
    return out;
}
Work SplitColumns::work(const Specs&, const Specs&) const { return {.moved = Bytes{}}; }
void SplitColumns::backward(Tape& tape, const OpNode& node) const {
    std::vector<TensorId> parts;
    for (std::size_t i = 0; i < node.out_count; ++i) {
        parts.push_back(tape.gradient(tape.out(node, i)));
    }
    tape.give(tape.in(node, 0), tape.emit(JoinColumns{}, parts, tape.in(node, 0))[0]);
}

Outputs JoinColumns::outputs(const Specs& in) const {
    std::int64_t width = 0;
    for (std::size_t i = 0; i < in.size(); ++i) width += in[i].shape[1];
    return {{.shape = {in[0].shape[0], width}, .dtype = in[0].dtype}};
}
Work JoinColumns::work(const Specs&, const Specs&) const { return {}; }

Outputs ScaleColumns::outputs(const Specs& in) const {
    return {{.shape = in[0].shape, .dtype = in[0].dtype}};
}
Work ScaleColumns::work(const Specs& in, const Specs&) const {
    return {.vector = Flops{count(in[0])}};
}
void ScaleColumns::backward(Tape& tape, const OpNode& node) const {
    const TensorId x = tape.in(node, 0);
    const std::array in{x, tape.in(node, 1), tape.gradient(tape.out(node, 0))};
    const auto out = tape.emit(ScaleColumnsGrad{}, in, x);
    tape.give(x, out[0]);
    tape.give(tape.in(node, 1), out[1]);
}

Outputs ScaleColumnsGrad::outputs(const Specs& in) const {
    return {{.shape = in[0].shape, .dtype = in[0].dtype, .alias = 0},
            {.shape = in[1].shape, .dtype = DType::f32}};
}
Work ScaleColumnsGrad::work(const Specs& in, const Specs&) const {
    return {.vector = Flops{3.0 * count(in[0])}};
}

Outputs GateRows::outputs(const Specs& in) const {
    return {{.shape = in[0].shape, .dtype = in[0].dtype}};
}
Work GateRows::work(const Specs& in, const Specs&) const { return {.vector = Flops{count(in[0])}}; }
void GateRows::backward(Tape& tape, const OpNode& node) const {
    const std::array in{tape.in(node, 0), tape.in(node, 1), tape.gradient(tape.out(node, 0))};
    const auto out = tape.emit(GateRowsGrad{}, in, tape.in(node, 0));
    tape.give(tape.in(node, 0), out[0]);
    tape.give(tape.in(node, 1), out[1]);
}

Outputs GateRowsGrad::outputs(const Specs& in) const {
    return {{.shape = in[0].shape, .dtype = in[0].dtype, .alias = 0},
            {.shape = in[1].shape, .dtype = in[1].dtype}};
}
Work GateRowsGrad::work(const Specs& in, const Specs&) const {
    return {.vector = Flops{3.0 * count(in[0])}};
}

Outputs PoolRows::outputs(const Specs& in) const {
    return {{.shape = {in[0].shape[0] / sequence, in[0].shape[1]}, .dtype = in[0].dtype}};
}
Work PoolRows::work(const Specs&, const Specs& out) const { return {.moved = 2 * bytes(out[0])}; }

}  // namespace headroom
