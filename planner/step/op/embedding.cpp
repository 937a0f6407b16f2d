#include "planner/step/op/embedding.h"

#include <array>

#include "planner/step/step_graph.h"
#include "planner/step/tape.h"

namespace headroom {

Outputs Embedding::outputs(const Specs& in) const {
    return {{.shape = {in[0].shape[0], in[1].shape[1]}, .dtype = in[1].dtype}};
}

Work Embedding::work(const Specs& in, const Specs& out) const {
    // Reads one row a token, not the table.
    return {.vector = Flops{static_cast<double>(numel(out[0].shape))},
            .moved = bytes(in[0]) + 2 * bytes(out[0])};
}

void Embedding::backward(Tape& tape, const OpNode& node) const {
    const TensorId table = tape.in(node, 1);
    if (!tape.trains(table)) return;
    const EmbeddingGrad grad{.scale = scale, .accumulation = tape.accumulation(table)};
    const std::array in{tape.in(node, 0), tape.gradient(tape.out(node, 0))};
    tape.emit_into(grad, in, table, std::array{table});
}

Outputs EmbeddingGrad::outputs(const Specs&) const { return {}; }

Work EmbeddingGrad::work(const Specs& in, const Specs& out) const {
    const Bytes rows = bytes(in[0]) + 3 * bytes(in[1]);
    // Overwriting clears the whole table first.
    const Bytes cleared = accumulation == Accumulation::overwrite ? bytes(out[0]) : Bytes{};
    return {.vector = Flops{static_cast<double>(numel(in[1].shape))}, .moved = rows + cleared};
}

Outputs AddEmbedding::outputs(const Specs& in) const {
    return {{.shape = in[0].shape, .dtype = in[0].dtype, .alias = 0}};
}

Work AddEmbedding::work(const Specs& in, const Specs& out) const {
    return {.vector = Flops{static_cast<double>(numel(out[0].shape))},
            .moved = bytes(in[1]) + 3 * bytes(out[0])};
}

void AddEmbedding::backward(Tape& tape, const OpNode& node) const {
    const TensorId dy = tape.gradient(tape.out(node, 0));
    const TensorId table = tape.in(node, 2);
    if (tape.trains(table)) {
        const EmbeddingGrad grad{.accumulation = tape.accumulation(table)};
        tape.emit_into(grad, std::array{tape.in(node, 1), dy}, table, std::array{table});
    }
    tape.give(tape.in(node, 0), dy);
}

}  // namespace headroom
