#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <vector>

#include "runtime/data/mixing.h"
#include "runtime/weights.h"

namespace headroom {
namespace {

constexpr double kDeviation = 0.02;  // initializer_range of the families' configs

std::uint64_t key_of(const Label& label, std::uint64_t seed) {
    std::uint64_t key = mix(seed, static_cast<std::uint64_t>(label.layer + 1));
    for (const char c : label.part) key = mix(key, static_cast<unsigned char>(c));
    return key;
}

/// In (0, 1).
double uniform(std::uint64_t key, std::uint64_t index) {
    return (static_cast<double>(mix(key, index) >> 11) + 0.5) * 0x1p-53;
}

/// Box-Muller: two numbers a pair of draws.
void fill_normal(std::vector<float>& values, std::uint64_t key, double deviation) {
#pragma omp parallel for  // every number comes from its own index
    for (std::size_t i = 0; i < values.size(); i += 2) {
        const double radius = deviation * std::sqrt(-2.0 * std::log(uniform(key, i)));
        const double angle = 2.0 * std::numbers::pi * uniform(key, i + 1);
        values[i] = static_cast<float>(radius * std::cos(angle));
        if (i + 1 < values.size()) values[i + 1] = static_cast<float>(radius * std::sin(angle));
    }
}

void fill_uniform(std::vector<float>& values, std::uint64_t key, double limit) {
#pragma omp parallel for
    for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = static_cast<float>(limit * (2.0 * uniform(key, i) - 1.0));
    }
}

/// Gains of norms -> the number that makes the norm multiply by one.
std::map<TensorId, float> unit_gains(const StepGraph& graph) {
    std::map<TensorId, float> gains;
    for (const auto& node : graph.ops) {
        const auto* norm = std::get_if<Norm>(&node.op);
        if (norm == nullptr) continue;
        const TensorId gain = graph.inputs(node)[norm->residual ? 2 : 1];
        gains[parameter_of(graph, gain)] = static_cast<float>(1.0 - norm->gain_offset);
    }
    return gains;
}

/// Magnitudes of DoRA -> their matrices: the base parameter, through its dequantization.
std::map<TensorId, TensorId> adapted_matrices(const StepGraph& graph) {
    std::map<TensorId, TensorId> codes;
    std::map<TensorId, TensorId> matrices;
    for (const auto& node : graph.ops) {
        if (std::holds_alternative<Dequantize>(node.op)) {
            codes[graph.outputs(node)[0]] = parameter_of(graph, graph.inputs(node)[0]);
        }
        if (!std::holds_alternative<DoraNorm>(node.op)) continue;
        const TensorId matrix = graph.inputs(node)[0];
        const auto found = codes.find(matrix);
        matrices[parameter_of(graph, graph.inputs(node)[3])] =
            found == codes.end() ? parameter_of(graph, matrix) : found->second;
    }
    return matrices;
}

std::vector<float> row_norms(const std::vector<float>& matrix, std::int64_t rows) {
    std::vector<float> norms(static_cast<std::size_t>(rows));
    const std::size_t width = matrix.size() / norms.size();
    for (std::size_t row = 0; row < norms.size(); ++row) {
        double sum = 0.0;
        for (std::size_t i = 0; i < width; ++i) {
            const auto value = static_cast<double>(matrix[row * width + i]);
            sum += value * value;
        }
        norms[row] = static_cast<float>(std::sqrt(sum));
    }
    return norms;
}

}  // namespace

void initialize_magnitudes(Weights& weights, const StepGraph& graph) {
    const auto matrices = adapted_matrices(graph);
    std::map<TensorId, const ParameterHome*> home_of;
    for (const auto& home : weights.homes()) home_of[home.parameter] = &home;
    for (const auto& home : weights.homes()) {
        const auto found = matrices.find(home.parameter);
        if (found == matrices.end()) continue;
        const auto matrix = weights.read(*home_of.at(found->second));
        weights.write(home, row_norms(matrix, numel(weights.tensor(home).shape)));
    }
}

void initialize(Weights& weights, const StepGraph& graph, std::uint64_t seed) {
    const auto gains = unit_gains(graph);
    std::vector<float> values;  // kept: fresh pages take longer to get than to fill
    for (const auto& home : weights.homes()) {
        const Tensor& tensor = weights.tensor(home);
        const std::uint64_t key = key_of(tensor.label, seed);
        values.resize(static_cast<std::size_t>(numel(tensor.shape)));
        if (const auto gain = gains.find(home.parameter); gain != gains.end()) {
            std::ranges::fill(values, gain->second);
        } else if (tensor.label.part.ends_with("lora_A.weight")) {
            // Kaiming's uniform with a = sqrt(5), as PEFT: 1 / sqrt(inputs).
            fill_uniform(values, key, 1.0 / std::sqrt(static_cast<double>(tensor.shape.back())));
        } else if (tensor.shape.rank() > 1 && !tensor.label.part.ends_with("lora_B.weight")) {
            fill_normal(values, key, kDeviation);
        } else {
            std::ranges::fill(values, 0.0F);
        }
        weights.write(home, values);
    }
    initialize_magnitudes(weights, graph);
}

}  // namespace headroom
