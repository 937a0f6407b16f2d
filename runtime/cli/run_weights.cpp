#include "runtime/cli/run_weights.h"

#include <fmt/format.h>

#include <filesystem>
#include <map>

#include "planner/base/error.h"
#include "planner/base/json.h"
#include "planner/base/written_file.h"
#include "planner/spec/names.h"
#include "runtime/data/peft_names.h"
#include "runtime/data/weight_transfer.h"

namespace headroom::run {
namespace {

using Homes = std::map<TensorId, const ParameterHome*>;

Homes homes_of(const Weights& weights) {
    Homes homes;
    for (const auto& home : weights.homes()) homes[home.parameter] = &home;
    return homes;
}

void read_all(const std::vector<WeightSource>& sources, const StepGraph& graph,
              const ModelSpec& model, const WeightFiles& files, Weights& weights) {
    check_weights(sources, graph, model, files);
    const auto homes = homes_of(weights);
    for (const auto& source : sources) {
        TensorSpec spec = graph[source.parameter];
        spec.dtype = DType::f32;
        std::vector<float> values(static_cast<std::size_t>(numel(spec.shape)));
        read_weight(source, spec, model.attention, files,
                    std::as_writable_bytes(std::span(values)));
        weights.write(*homes.at(source.parameter), values);
    }
}

/// Parts of one adapted layer.
struct AdapterParts {
    TensorId matrix{};
    TensorId a{};
    TensorId b{};
    TensorId magnitude{};
};

/// Adapted matrices, by walking from the sum that an adapter ends in back to what it starts from.
std::vector<AdapterParts> adapters(const StepGraph& graph) {
    std::map<std::pair<std::int32_t, std::string>, AdapterParts> by_module;
    const auto module_of = [](std::string_view part) {
        return std::string(part.substr(
            0, part.rfind(part.ends_with(".weight") && part.find(".lora_") != part.npos ? ".lora_"
                                                                                        : ".")));
    };
    for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
        const Tensor& tensor = graph.tensors[i];
        if (!tensor.parameter.is_parameter) continue;
        const TensorId id{static_cast<std::int32_t>(i)};
        const std::string_view part = tensor.label.part;
        auto& parts = by_module[{tensor.label.layer, module_of(part)}];
        if (part.ends_with("lora_A.weight")) {
            parts.a = id;
        } else if (part.ends_with("lora_B.weight")) {
            parts.b = id;
        } else if (part.ends_with("lora_magnitude")) {
            parts.magnitude = id;
        } else if (part.ends_with(".weight") && tensor.shape.rank() == 2) {
            parts.matrix = id;
        }
    }
    std::vector<AdapterParts> found;
    for (const auto& [key, parts] : by_module) {
        if (parts.a.valid() && parts.matrix.valid()) found.push_back(parts);
    }
    return found;
}

/// Numbers of the parameters, one at a time: a model is far larger than one of its matrices.
class Numbers {
public:
    /// `merged`: adapters folded into the matrices that they adapt.
    Numbers(const RunPlan& run, Weights& weights, const std::vector<AdapterParts>& merged)
        : adapter_(run.request().adapter), weights_(weights), homes_(homes_of(weights)) {
        for (const auto& parts : merged) merged_[parts.matrix] = parts;
    }

    /// Valid until the next call.
    [[nodiscard]] std::span<const std::byte> of(TensorId parameter) {
        values_ = read(parameter);
        if (const auto found = merged_.find(parameter); found != merged_.end()) {
            merge(found->second);
        }
        return std::as_bytes(std::span(values_));
    }

private:
    [[nodiscard]] std::vector<float> read(TensorId parameter) {
        return weights_.read(*homes_.at(parameter));
    }

    void merge(const AdapterParts& parts) {
        const double scale = adapter_.alpha / static_cast<double>(adapter_.rank);
        const auto a = read(parts.a);
        const auto b = read(parts.b);
        if (parts.magnitude.valid()) {
            merge_dora(values_, a, b, read(parts.magnitude), adapter_.rank, scale);
        } else {
            merge_lora(values_, a, b, adapter_.rank, scale);
        }
    }

    const AdapterSpec& adapter_;
    Weights& weights_;
    Homes homes_;
    std::map<TensorId, AdapterParts> merged_{};
    std::vector<float> values_{};
};

/// An adapter's file says neither how its product is scaled nor what kind it is: the configuration
/// beside it does.
void require_same_adapter(const std::filesystem::path& path, const RunPlan& run,
                          const std::vector<WeightSource>& sources, const WeightFiles& files) {
    const AdapterSpec& ours = run.request().adapter;
    check_nothing_else(sources, files);
    const auto folder = std::filesystem::is_directory(path) ? path : path.parent_path();
    const auto config = folder / "adapter_config.json";
    if (!std::filesystem::exists(config)) return;
    const Json document = read_json_file(config);
    const AdapterSpec theirs =
        adapter_from_config(JsonCursor(document, config.string() + "#"), run.request().model);
    const bool dora = ours.kind == AdapterKind::dora;
    if (dora == (theirs.kind == AdapterKind::dora) && ours.rank == theirs.rank &&
        ours.alpha == theirs.alpha) {
        return;
    }
    throw InputError(config.string(),
                     fmt::format("is {} of rank {} and alpha {}, the plan has {} of {} and {}",
                                 name(theirs.kind), theirs.rank, theirs.alpha, name(ours.kind),
                                 ours.rank, ours.alpha));
}

}  // namespace

void require_saves(const RunOptions& options, const RunPlan& run) {
    if (options.save.empty() && options.save_adapter.empty()) return;
    if (const auto world = run.request().layout.world(); world > 1) {
        const auto* const option = options.save.empty() ? "--save-adapter" : "--save";
        throw InputError("", fmt::format("{}: rank {} of {} holds a part of the model", option,
                                         options.rank, world));
    }
    const StepGraph& graph = run.lowering.graph;
    if (!options.save.empty()) weight_sources(graph, run.request().model);
    if (!options.save_adapter.empty()) adapter_sources(graph, run.request().model);
}

std::string load_weights(const RunOptions& options, const RunPlan& run, Weights& weights) {
    const StepGraph& graph = run.lowering.graph;
    const ModelSpec& model = run.request().model;
    initialize(weights, graph, options.seed);
    std::string from = fmt::format("random weights, seed {}", options.seed);
    if (!options.init.empty()) {
        const WeightFiles files(options.init);
        read_all(weight_sources(graph, model, stored_names(files)), graph, model, files, weights);
        initialize_magnitudes(weights, graph);
        from = fmt::format("weights of {}", options.init);
    }
    if (!options.teacher.empty()) {
        const ModelSpec& teacher = *run.request().distill.teacher;
        const WeightFiles files(options.teacher);
        read_all(weight_sources(graph, teacher, stored_names(files), Subject::teacher), graph,
                 teacher, files, weights);
        from += fmt::format(", teacher of {}", options.teacher);
    }
    if (!options.adapter.empty()) {
        const WeightFiles files(options.adapter);
        const auto sources = adapter_sources(graph, model);
        require_same_adapter(options.adapter, run, sources, files);
        read_all(sources, graph, model, files, weights);
        from += fmt::format(", adapter of {}", options.adapter);
    }
    return from;
}

void save_weights(const RunOptions& options, const RunPlan& run, Weights& weights) {
    if (options.save.empty() && options.save_adapter.empty()) return;
    const StepGraph& graph = run.lowering.graph;
    const auto& model = run.request().model;
    Numbers numbers(run, weights, options.merge ? adapters(graph) : std::vector<AdapterParts>{});
    const ParameterBytes bytes_of = [&](TensorId id) { return numbers.of(id); };
    StepGraph floats = graph;
    for (auto& tensor : floats.tensors) {
        if (tensor.parameter.is_parameter) tensor.dtype = DType::f32;
    }
    if (!options.save.empty()) {
        write_weights(options.save, weight_sources(graph, model), floats, model.attention,
                      run.request().train.compute, bytes_of);
    }
    if (options.save_adapter.empty()) return;
    const std::filesystem::path folder(options.save_adapter);
    std::filesystem::create_directory(folder);
    write_weights(folder / "adapter_model.safetensors", adapter_sources(graph, model), floats,
                  model.attention, DType::f32, bytes_of);
    write_file_atomically(folder / "adapter_config.json",
                          adapter_config(run.request().adapter, model, model.name).dump(2) + "\n");
}

}  // namespace headroom::run
