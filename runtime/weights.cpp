#include "runtime/weights.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/nf4.h"
#include "planner/base/error.h"
#include "runtime/data/convert.h"
#include "runtime/pruning.h"

namespace headroom {

Weights::Weights(Executor& executor, const PruneSpec& prune) : executor_(executor), prune_(prune) {
    const StepGraph& graph = executor.graph();
    for (const auto& node : graph.ops) {
        if (std::holds_alternative<MaskGradient>(node.op)) {
            const TensorId mask = graph.inputs(node)[1];
            masks_[{graph[mask].label.layer, graph[mask].parameter.unit}] = mask;
            const auto size = static_cast<std::size_t>(bytes(graph[mask]).count());
            put_bytes(mask, 0, std::vector(size, std::byte{0xFF}));
        }
        if (!std::holds_alternative<Dequantize>(node.op)) continue;
        const auto in = graph.inputs(node);
        const auto part = [&](std::size_t i) {
            return i < in.size() ? parameter_of(graph, in[i]) : TensorId{};
        };
        quantization_[part(0)] = {.scales = part(1), .super_scales = part(2), .offset = part(3)};
    }
    for (const auto& home : parameter_homes(graph)) {
        home_of_[home.parameter] = home;
        if (!graph[home.parameter].label.part.starts_with("quant.")) homes_.push_back(home);
    }
}

const Tensor& Weights::tensor(const ParameterHome& home) const {
    return executor_.graph()[home.parameter];
}

/// A copy from or to anywhere else would hit another tensor, or nothing at all.
TensorView Weights::kept_at(TensorId tensor, std::int64_t first, std::int64_t size) const {
    const Tensor& kept = executor_.graph()[tensor];
    const std::int64_t begin = bytes_of(first, kept.dtype);
    if (!executor_.arena().alive(executor_.graph().storage(tensor)) || first < 0 ||
        begin + size > bytes(kept).count()) {
        throw InternalError(fmt::format("{}: {} bytes from byte {} on are not kept in memory",
                                        to_string(kept.label), size, begin));
    }
    TensorView view = executor_.view(tensor);
    view.data += begin;
    return view;
}

void Weights::put(TensorId tensor, std::int64_t first, std::span<const float> values) {
    const DType dtype = executor_.graph()[tensor].dtype;
    converted_.resize(
        static_cast<std::size_t>(bytes_of(static_cast<std::int64_t>(values.size()), dtype)));
    convert(std::as_bytes(values), DType::f32, converted_, dtype);
    put_bytes(tensor, first, converted_);
}

std::vector<float> Weights::get(TensorId tensor, std::int64_t first, std::int64_t count) {
    const DType dtype = executor_.graph()[tensor].dtype;
    const auto bytes = get_bytes(tensor, first, count);
    std::vector<float> values(static_cast<std::size_t>(count));
    convert(bytes, dtype, std::as_writable_bytes(std::span(values)), DType::f32);
    return values;
}

void Weights::put_bytes(TensorId tensor, std::int64_t first, std::span<const std::byte> bytes) {
    if (bytes.empty()) return;
    const TensorView to = kept_at(tensor, first, static_cast<std::int64_t>(bytes.size()));
    executor_.backend().write(to.data, bytes, to.place);
}

std::vector<std::byte> Weights::get_bytes(TensorId tensor, std::int64_t first, std::int64_t count) {
    const std::int64_t size = bytes_of(count, executor_.graph()[tensor].dtype);
    std::vector<std::byte> data(static_cast<std::size_t>(size));
    if (data.empty()) return data;
    const TensorView from = kept_at(tensor, first, size);
    executor_.backend().read(data, from.data, from.place);
    return data;
}

void Weights::put_kept(TensorId parameter, std::span<const std::byte> bytes) {
    const ParameterHome& home = home_of_.at(parameter);
    const auto size = bytes_of(home.count, executor_.graph()[parameter].dtype);
    put_bytes(home.weights, home.first, bytes.first(static_cast<std::size_t>(size)));
}

std::vector<std::byte> Weights::get_kept(TensorId parameter) {
    const ParameterHome& home = home_of_.at(parameter);
    auto data = get_bytes(home.weights, home.first, home.count);
    data.resize(static_cast<std::size_t>(bytes(executor_.graph()[parameter]).count()));
    return data;
}

void Weights::write(const ParameterHome& home, std::span<const float> values) {
    const Tensor& target = tensor(home);
    if (static_cast<std::int64_t>(values.size()) != numel(target.shape)) {
        throw InternalError(fmt::format("{}: {} numbers for {} elements", to_string(target.label),
                                        values.size(), numel(target.shape)));
    }
    if (target.dtype == DType::nf4) {
        quantize(home, values);
        return;
    }
    std::vector<float> left;
    if (const auto mask = masks_.find({target.label.layer, target.parameter.unit});
        mask != masks_.end() && target.parameter.pruned) {
        left = pruned(home, mask->second, values);
        values = left;
    }
    const auto part = values.first(static_cast<std::size_t>(home.count));
    put(home.weights, home.first, part);
    if (!home.master.valid()) return;
    const std::int64_t there = numel(executor_.graph()[home.master].shape) - home.first;
    const auto kept = std::clamp(there, std::int64_t{0}, home.count);
    put(home.master, home.first, part.first(static_cast<std::size_t>(kept)));
}

std::vector<float> Weights::pruned(const ParameterHome& home, TensorId mask,
                                   std::span<const float> values) {
    std::vector<float> left(values.begin(), values.end());
    auto bits = prune(left, tensor(home).shape, prune_);
    if (home.first % 8 != 0)
        throw InternalError("a pruned matrix begins within a byte of its mask");
    const std::int64_t there = numel(executor_.graph()[mask].shape) - home.first / 8;
    const auto kept = std::clamp(there, std::int64_t{0}, std::ssize(bits));
    put_bytes(mask, home.first / 8, std::span(bits).first(static_cast<std::size_t>(kept)));
    return left;
}

std::vector<float> Weights::read(const ParameterHome& home) {
    const Tensor& source = tensor(home);
    if (source.dtype == DType::nf4) return dequantize(home);
    std::vector<float> values = get(home.weights, home.first, home.count);
    if (home.master.valid()) {
        const std::int64_t there = numel(executor_.graph()[home.master].shape) - home.first;
        const auto kept = std::clamp(there, std::int64_t{0}, home.count);
        std::ranges::copy(get(home.master, home.first, kept), values.begin());
    }
    values.resize(static_cast<std::size_t>(numel(source.shape)), 0.0F);
    return values;
}

void Weights::quantize(const ParameterHome& home, std::span<const float> values) {
    const Quantization& to = quantization_.at(home.parameter);
    const StepGraph& graph = executor_.graph();
    const auto count = static_cast<std::int64_t>(values.size());
    std::vector<std::uint8_t> codes(static_cast<std::size_t>(bytes_of(count, DType::nf4)));
    std::vector<float> scales(static_cast<std::size_t>(ceil_div(count, kNf4Block)));
    quantize_nf4(values, codes, scales);
    put_kept(home.parameter, std::as_bytes(std::span(codes)));
    if (!to.super_scales.valid()) {
        put_kept(to.scales, std::as_bytes(std::span(scales)));
        return;
    }
    std::vector<std::uint8_t> scale_codes(scales.size());
    std::vector<float> super_scales(static_cast<std::size_t>(numel(graph[to.super_scales].shape)));
    const float offset = quantize_scales(scales, scale_codes, super_scales);
    put_kept(to.scales, std::as_bytes(std::span(scale_codes)));
    put_kept(to.super_scales, std::as_bytes(std::span(super_scales)));
    put_kept(to.offset, std::as_bytes(std::span(&offset, 1)));
}

std::vector<float> Weights::dequantize(const ParameterHome& home) {
    const Quantization& from = quantization_.at(home.parameter);
    const StepGraph& graph = executor_.graph();
    // The kernel that the step runs: one definition of what codes and scales mean.
    std::vector<std::vector<std::byte>> data;
    std::vector<TensorView> in;
    for (const auto id : {home.parameter, from.scales, from.super_scales, from.offset}) {
        if (!id.valid()) continue;
        data.push_back(get_kept(id));
        TensorView view{graph[id]};
        view.data = data.back().data();
        in.push_back(view);
    }
    std::vector<float> values(static_cast<std::size_t>(numel(tensor(home).shape)));
    TensorView out{TensorSpec{.shape = tensor(home).shape, .dtype = DType::f32}};
    out.data = reinterpret_cast<std::byte*>(values.data());
    out.stride = out.columns();
    const Op op = Dequantize{.to = DType::f32};
    cpu_table()[op].run(op, {.in = in, .out = std::span(&out, 1)});
    std::fill(values.begin() + home.count, values.end(), 0.0F);
    return values;
}

}  // namespace headroom
