#include "planner/step/op/collective.h"

#include <array>

#include "planner/step/step_graph.h"
#include "planner/step/tape.h"

namespace headroom {

namespace {

/// The dual that the gradient of a collective needs.
CollectiveKind dual(CollectiveKind kind) {
    switch (kind) {
        case CollectiveKind::all_gather:
            return CollectiveKind::reduce_scatter;
        case CollectiveKind::reduce_scatter:
            return CollectiveKind::all_gather;
        case CollectiveKind::send:
        case CollectiveKind::all_reduce:
        case CollectiveKind::all_to_all:
            return kind;
    }
    return kind;
}

}  // namespace

Outputs Collective::outputs(const Specs& in) const {
    if (kind == CollectiveKind::send) return {};
    OutputSpec out{.shape = in[0].shape, .dtype = in[0].dtype, .role = role};
    switch (kind) {
        case CollectiveKind::all_reduce:
            out.alias = 0;
            break;
        case CollectiveKind::all_gather:
            out.shape[0] *= size;
            break;
        case CollectiveKind::reduce_scatter:
            out.shape[0] = ceil_div(out.shape[0], size);
            break;
        case CollectiveKind::all_to_all:
            if (columns > 0) {
                out.shape[0] = out.shape[0] * out.shape[1] / columns;
                out.shape[1] = columns;
            }
            if (rows > 0) out.shape[0] = rows;
            break;
        case CollectiveKind::send:
            break;
    }
    return {out};
}

Work Collective::work(const Specs& in, const Specs&) const {
    const bool reduces =
        kind == CollectiveKind::all_reduce || kind == CollectiveKind::reduce_scatter;
    return {.vector = Flops{reduces ? static_cast<double>(numel(in[0].shape)) : 0.0}};
}

void Collective::backward(Tape& tape, const OpNode& node) const {
    const TensorId x = tape.in(node, 0);
    if (!tape.wants(x)) return;
    if (kind == CollectiveKind::send) {
        const auto& sent = tape.graph()[x];
        const Receive back{.rows = sent.shape[0], .columns = sent.shape[1], .dtype = sent.dtype};
        tape.give(x, tape.emit(back, {}, x)[0]);
        return;
    }
    const TensorId dy = tape.gradient(tape.out(node, 0));
    // The sum of a row-parallel product: every rank's part has the whole gradient already.
    if (kind == CollectiveKind::all_reduce) {
        tape.give(x, dy);
        return;
    }
    Collective back = *this;
    back.kind = dual(kind);
    if (columns > 0) back.columns = tape.graph()[x].shape[1];
    if (rows > 0) back.rows = tape.graph()[x].shape[0];
    tape.give(x, tape.emit(back, std::array{dy}, x)[0]);
}

Bytes volume(const Collective& op, Bytes input, Bytes output) {
    const auto share = [&](Bytes whole, std::int64_t times) {
        return Bytes{whole.count() / op.size * (op.size - 1) * times +
                     whole.count() % op.size * (op.size - 1) * times / op.size};
    };
    switch (op.kind) {
        case CollectiveKind::all_reduce:
            return share(input, 2);
        case CollectiveKind::all_gather:
            return share(output, 1);
        case CollectiveKind::reduce_scatter:
        case CollectiveKind::all_to_all:
            return share(input, 1);
        case CollectiveKind::send:
            return input;
    }
    return Bytes{};
}

Outputs Receive::outputs(const Specs&) const {
    return {{.shape = {rows, columns}, .dtype = dtype}};
}
Work Receive::work(const Specs&, const Specs&) const { return {.moved = Bytes{}}; }
void Receive::backward(Tape& tape, const OpNode& node) const {
    const TensorId dy = tape.gradient(tape.out(node, 0));
    const Collective send{.kind = CollectiveKind::send, .axis = Axis::pipeline, .size = 2};
    tape.emit(send, std::array{dy}, tape.out(node, 0));
}

Outputs CopyToGroup::outputs(const Specs& in) const {
    return {{.shape = in[0].shape, .dtype = in[0].dtype, .alias = 0}};
}
Work CopyToGroup::work(const Specs&, const Specs&) const { return {.moved = Bytes{}}; }
void CopyToGroup::backward(Tape& tape, const OpNode& node) const {
    const TensorId x = tape.in(node, 0);
    if (!tape.wants(x)) return;
    const Collective sum{.kind = CollectiveKind::all_reduce, .axis = axis, .size = size};
    tape.give(x, tape.emit(sum, std::array{tape.gradient(tape.out(node, 0))}, x)[0]);
}

Outputs Wait::outputs(const Specs&) const { return {}; }
Work Wait::work(const Specs&, const Specs&) const { return {.moved = Bytes{}}; }

}  // namespace headroom
