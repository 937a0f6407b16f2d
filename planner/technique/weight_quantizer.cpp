#include "planner/technique/weight_quantizer.h"

namespace headroom {

TensorId WeightQuantizer::codes_of(TensorId weight) const {
    const auto found = codes_of_.find(weight);
    return found == codes_of_.end() ? weight : found->second;
}

Tensor WeightQuantizer::scale_tensor(const Tensor& base, std::string_view part, std::int64_t count,
                                     DType dtype) {
    Tensor tensor = base;
    tensor.shape = {count};
    tensor.dtype = dtype;
    tensor.label.part = part;
    tensor.storage = TensorId{};
    tensor.parameter.decay = false;
    tensor.parameter.kv_heads = 0;
    // Scales lie along the matrix's rows, so they are split where it is.
    if (tensor.parameter.split == Split::columns) tensor.parameter.split = Split::rows;
    return tensor;
}

TensorId WeightQuantizer::dequantized(const OpNode& node, TensorId weight) {
    if (const auto done = temporary_of_.find(weight); done != temporary_of_.end()) {
        return done->second;
    }
    StepGraph& graph = replay_.next();
    const DType compute = graph[weight].dtype;
    graph[weight].dtype = DType::nf4;
    const std::int64_t blocks = ceil_div(numel(graph[weight].shape), kNf4Block);
    const bool twice = scales_ == Scales::quantized;
    std::vector<TensorId> in{weight};
    const Tensor base = graph[weight];
    in.push_back(
        graph.add(scale_tensor(base, "quant.scales", blocks, twice ? DType::u8 : DType::f32)));
    if (twice) {
        in.push_back(graph.add(scale_tensor(base, "quant.super_scales",
                                            ceil_div(blocks, kNf4SuperBlock), DType::f32)));
        // The mean of the scales, taken off before they were quantized.
        Tensor offset = scale_tensor(base, "quant.offset", 1, DType::f32);
        offset.parameter.split = Split::none;
        in.push_back(graph.add(offset));
    }
    const TensorId out = replay_.insert(node, Dequantize{.to = compute}, in, base.label.part);
    codes_of_[out] = weight;
    return temporary_of_[weight] = out;
}

void quantize_teacher(Lowering& lowering) {
    Replay replay(lowering.graph);
    WeightQuantizer quantizer(replay, Scales::quantized);
    for (const auto& node : replay.old().ops) {
        auto in = replay.mapped_inputs(node);
        const bool product = std::holds_alternative<Linear>(node.op) ||
                             std::holds_alternative<GroupedLinear>(node.op);
        const bool block = is_teacher(node.layer) && own_layer(node.layer) >= 0;
        if (product && block) in[1] = quantizer.dequantized(node, in[1]);
        replay.emit_as(node, node.op, in);
    }
    lowering.graph = replay.finish();
}

}  // namespace headroom
