#include "runtime/weights.h"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/nf4.h"
#include "planner/base/error.h"
#include "runtime/data/convert.h"

namespace headroom {

Weights::Weights(Executor& executor) : executor_(executor) {
    const StepGraph& graph = executor.graph();
    for (const auto& node : graph.ops) {
        if (!std::holds_alternative<Dequantize>(node.op)) continue;
        const auto in = graph.inputs(node);
        quantization_[in[0]] = {.scales = in[1],
                                .super_scales = in.size() > 2 ? in[2] : TensorId{},
                                .offset = in.size() > 3 ? in[3] : TensorId{}};
    }
    for (const auto& home : parameter_homes(graph)) {
        if (!graph[home.parameter].label.part.starts_with("quant.")) homes_.push_back(home);
    }
}

const Tensor& Weights::tensor(const ParameterHome& home) const {
    return executor_.graph()[home.parameter];
}

void Weights::put(TensorId tensor, std::int64_t first, std::span<const float> values) {
    const TensorView view = executor_.view(tensor);
    converted_.resize(
        static_cast<std::size_t>(bytes_of(static_cast<std::int64_t>(values.size()), view.dtype)));
    convert(std::as_bytes(values), DType::f32, converted_, view.dtype);
    executor_.backend().write(view.data + bytes_of(first, view.dtype), converted_, view.place);
}

std::vector<float> Weights::get(TensorId tensor, std::int64_t first, std::int64_t count) {
    const TensorView view = executor_.view(tensor);
    std::vector<std::byte> bytes(static_cast<std::size_t>(bytes_of(count, view.dtype)));
    executor_.backend().read(bytes, view.data + bytes_of(first, view.dtype), view.place);
    std::vector<float> values(static_cast<std::size_t>(count));
    convert(bytes, view.dtype, std::as_writable_bytes(std::span(values)), DType::f32);
    return values;
}

void Weights::put_bytes(TensorId tensor, std::span<const std::byte> bytes) {
    const TensorView view = executor_.view(tensor);
    executor_.backend().write(view.data, bytes, view.place);
}

std::vector<std::byte> Weights::get_bytes(TensorId tensor) {
    const TensorView view = executor_.view(tensor);
    std::vector<std::byte> data(static_cast<std::size_t>(bytes(view).count()));
    executor_.backend().read(data, view.data, view.place);
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
    const auto part = values.first(static_cast<std::size_t>(home.count));
    put(home.weights, home.first, part);
    if (!home.master.valid()) return;
    const std::int64_t there = numel(executor_.graph()[home.master].shape) - home.first;
    const auto kept = std::clamp(there, std::int64_t{0}, home.count);
    put(home.master, home.first, part.first(static_cast<std::size_t>(kept)));
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
    put_bytes(home.parameter, std::as_bytes(std::span(codes)));
    if (!to.super_scales.valid()) {
        put_bytes(to.scales, std::as_bytes(std::span(scales)));
        return;
    }
    std::vector<std::uint8_t> scale_codes(scales.size());
    std::vector<float> super_scales(static_cast<std::size_t>(numel(graph[to.super_scales].shape)));
    const float offset = quantize_scales(scales, scale_codes, super_scales);
    put_bytes(to.scales, std::as_bytes(std::span(scale_codes)));
    put_bytes(to.super_scales, std::as_bytes(std::span(super_scales)));
    put_bytes(to.offset, std::as_bytes(std::span(&offset, 1)));
}

std::vector<float> Weights::dequantize(const ParameterHome& home) {
    const Quantization& from = quantization_.at(home.parameter);
    const StepGraph& graph = executor_.graph();
    // The kernel that the step runs: one definition of what codes and scales mean.
    std::vector<std::vector<std::byte>> data;
    std::vector<TensorView> in;
    for (const auto id : {home.parameter, from.scales, from.super_scales, from.offset}) {
        if (!id.valid()) continue;
        data.push_back(get_bytes(id));
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
    return values;
}

}  // namespace headroom
