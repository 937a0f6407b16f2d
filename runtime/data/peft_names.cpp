#include "runtime/data/peft_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "planner/base/error.h"
#include "planner/base/json.h"
#include "planner/spec/adapter_targets.h"

namespace headroom {
namespace {

constexpr std::string_view kWrapper = "base_model.model.";

/// Endings of our adapter parts and what PEFT's files say instead.
struct FieldRow {
    std::string_view ours;
    std::string_view stored;
};
constexpr std::array kFields{FieldRow{".lora_A.weight", ".lora_A.weight"},
                             FieldRow{".lora_B.weight", ".lora_B.weight"},
                             FieldRow{".lora_magnitude", ".lora_magnitude_vector"}};

const FieldRow& field_of(std::string_view part) {
    const auto row = std::ranges::find_if(
        kFields, [&](const auto& field) { return part.ends_with(field.ours); });
    if (row == kFields.end()) throw InternalError(fmt::format("{} is no adapter's part", part));
    return *row;
}

WeightPiece piece_of(const Tensor& tensor, const ModelSpec& model) {
    const auto part = tensor.label.part;
    const FieldRow& field = field_of(part);
    const auto module = part.substr(0, part.size() - field.ours.size());
    // What lies along the base matrix's rows lies in their order; the rest is never transposed.
    const bool along_rows = field.ours != ".lora_A.weight";
    const bool grouped = along_rows && stored_layout(model, module) == StoredLayout::grouped;
    return {.tensor = fmt::format("{}{}{}", kWrapper,
                                  stored_path(model, module, tensor.label.layer), field.stored),
            .shape = tensor.shape,
            .layout = grouped ? StoredLayout::grouped : StoredLayout::plain};
}

/// Blocks in which a target's name may stand.
constexpr std::array<std::string_view, 3> kBlocks{"attn", "mlp", "shared"};

/// Modules of a model that adapters can be put on, with the names that files have for them.
struct Target {
    std::string ours{};
    std::string stored{};
};
std::vector<Target> targets_of(const ModelSpec& model) {
    std::vector<Target> out;
    for (const auto& name : adapter_targets(model)) {
        for (const auto block : kBlocks) {
            const bool shared = block == "shared";
            if (shared && (!model.moe || model.moe->shared_width == 0)) continue;
            if (auto stored = stored_module(model, fmt::format("{}.{}", block, name))) {
                out.push_back({name, std::move(*stored)});
            }
        }
    }
    return out;
}

std::string last_word(const std::string& path) { return path.substr(path.rfind('.') + 1); }

bool is_chosen(const AdapterSpec& adapter, const std::string& target) {
    return adapter.targets.empty() || std::ranges::count(adapter.targets, target) > 0;
}

/// The last word of a module's name, or the whole of it when a module that is left out ends alike.
std::vector<std::string> target_words(const AdapterSpec& adapter, const ModelSpec& model) {
    const auto targets = targets_of(model);
    std::vector<std::string> words;
    for (const auto& target : targets) {
        if (!is_chosen(adapter, target.ours)) continue;
        const auto word = last_word(target.stored);
        const bool shared = std::ranges::any_of(targets, [&](const Target& other) {
            return last_word(other.stored) == word && !is_chosen(adapter, other.ours);
        });
        words.push_back(shared ? target.stored : word);
    }
    std::ranges::sort(words);
    words.erase(std::unique(words.begin(), words.end()), words.end());
    return words;
}

bool matches(const std::string& stored, const std::string& word) {
    return stored == word || stored.ends_with("." + word);
}

std::vector<std::string> targets_from(const JsonCursor& config, const ModelSpec& model) {
    const auto list = config.at("target_modules");
    const auto known = targets_of(model);
    std::vector<std::string> targets;
    if (list.is_string()) {
        if (list.string() == "all-linear") return targets;
        list.fail(fmt::format("is {}, must be a list of modules", quoted(list.value())));
    }
    for (const auto& word : list.elements()) {
        bool any = false;
        for (const auto& target : known) {
            if (!matches(target.stored, word.string())) continue;
            any = true;
            if (std::ranges::count(targets, target.ours) == 0) targets.push_back(target.ours);
        }
        if (!any) {
            word.fail(fmt::format("is {}, no linear layer of this model", quoted(word.value())));
        }
    }
    return targets;
}

void require_plain(const JsonCursor& config) {
    for (const auto* key : {"use_rslora", "use_qalora", "lora_bias"}) {
        if (config.boolean_or(key, false)) {
            config.at(key).fail("is true, which has no counterpart here");
        }
    }
    if (const auto type = config.at("peft_type"); type.string() != "LORA") {
        type.fail(fmt::format("is {}, only LORA is read", quoted(type.value())));
    }
    if (config.string_or("bias", "none") != "none") {
        config.at("bias").fail("must be \"none\": biases stay frozen here");
    }
    for (const auto* key : {"rank_pattern", "alpha_pattern", "modules_to_save"}) {
        const auto found = config.find(key);
        if (found && !found->value().empty()) found->fail("is set, which has no counterpart here");
    }
}

}  // namespace

std::vector<WeightSource> adapter_sources(const StepGraph& graph, const ModelSpec& model) {
    std::vector<WeightSource> out;
    for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
        const Tensor& tensor = graph.tensors[i];
        if (!tensor.parameter.is_parameter || !tensor.parameter.adapter) continue;
        out.push_back({TensorId{static_cast<std::int32_t>(i)}, {piece_of(tensor, model)}});
    }
    return out;
}

Json adapter_config(const AdapterSpec& adapter, const ModelSpec& model, const std::string& base) {
    const auto words = target_words(adapter, model);
    const bool transposed = stored_layout(model, "attn.o_proj") == StoredLayout::transposed;
    return {{"peft_type", "LORA"},
            {"task_type", "CAUSAL_LM"},
            {"base_model_name_or_path", base},
            {"r", adapter.rank},
            {"lora_alpha", adapter.alpha},
            {"lora_dropout", adapter.dropout},
            {"target_modules", words},
            {"use_dora", adapter.kind == AdapterKind::dora},
            {"use_rslora", false},
            {"fan_in_fan_out", transposed},
            {"bias", "none"},
            {"inference_mode", true}};
}

AdapterSpec adapter_from_config(const JsonCursor& config, const ModelSpec& model) {
    require_plain(config);
    AdapterSpec adapter;
    adapter.kind = config.boolean_or("use_dora", false) ? AdapterKind::dora : AdapterKind::lora;
    adapter.rank = config.integer_or("r", 8, 1, 1 << 16);
    adapter.alpha = config.number_or("lora_alpha", 8.0, 0.0, 1e9);
    adapter.dropout = config.number_or("lora_dropout", 0.0, 0.0, 1.0);
    adapter.targets = targets_from(config, model);
    return adapter;
}

void merge_lora(std::span<float> weight, std::span<const float> a, std::span<const float> b,
                std::int64_t rank, double scale) {
    const auto inner = static_cast<std::size_t>(rank);
    const std::size_t rows = b.size() / inner;
    const std::size_t columns = a.size() / inner;
    if (weight.size() != rows * columns) {
        throw InternalError(
            fmt::format("an adapter of {} by {} for {} weights", rows, columns, weight.size()));
    }
    for (std::size_t i = 0; i < rows; ++i) {
        for (std::size_t j = 0; j < columns; ++j) {
            double sum = 0.0;
            for (std::size_t k = 0; k < inner; ++k) {
                sum +=
                    static_cast<double>(b[i * inner + k]) * static_cast<double>(a[k * columns + j]);
            }
            float& value = weight[i * columns + j];
            value = static_cast<float>(static_cast<double>(value) + scale * sum);
        }
    }
}

void merge_dora(std::span<float> weight, std::span<const float> a, std::span<const float> b,
                std::span<const float> magnitude, std::int64_t rank, double scale) {
    merge_lora(weight, a, b, rank, scale);
    const std::size_t columns = weight.size() / magnitude.size();
    for (std::size_t i = 0; i < magnitude.size(); ++i) {
        const auto row = weight.subspan(i * columns, columns);
        double square = 0.0;
        for (const float value : row) square += static_cast<double>(value) * value;
        const double factor = static_cast<double>(magnitude[i]) / std::sqrt(square);
        for (float& value : row) value = static_cast<float>(value * factor);
    }
}

}  // namespace headroom
