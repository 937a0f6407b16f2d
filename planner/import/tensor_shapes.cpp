#include "planner/import/tensor_shapes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <set>
#include <string_view>

#include "planner/base/error.h"
#include "planner/import/stored_parameters.h"

namespace headroom {
namespace {

constexpr std::string_view kTable = "embed_tokens.weight";
constexpr std::string_view kLayer = "layers.";

constexpr std::array<std::string_view, 23> kLayerTensors{
    "self_attn.q_proj.weight",
    "self_attn.k_proj.weight",
    "self_attn.v_proj.weight",
    "self_attn.o_proj.weight",
    "self_attn.q_proj.bias",
    "self_attn.k_proj.bias",
    "self_attn.v_proj.bias",
    "self_attn.o_proj.bias",
    "self_attn.q_norm.weight",
    "self_attn.k_norm.weight",
    "self_attn.rotary_emb.inv_freq",
    "mlp.gate_proj.weight",
    "mlp.up_proj.weight",
    "mlp.down_proj.weight",
    "mlp.gate_proj.bias",
    "mlp.up_proj.bias",
    "mlp.down_proj.bias",
    "input_layernorm.weight",
    "input_layernorm.bias",
    "post_attention_layernorm.weight",
    "post_attention_layernorm.bias",
    "pre_feedforward_layernorm.weight",
    "post_feedforward_layernorm.weight",
};

/// Without these it is no decoder of this kind.
constexpr std::array<std::string_view, 6> kNeeded{
    "self_attn.q_proj.weight", "self_attn.k_proj.weight", "self_attn.o_proj.weight",
    "mlp.up_proj.weight",      "mlp.down_proj.weight",    "post_attention_layernorm.weight"};

using Shape = std::vector<std::int64_t>;

/// The tensors of the language model by name without its prefix; a layer's share one name.
struct Decoder {
    std::map<std::string, Shape, std::less<>> shapes{};
    std::map<std::string, std::int64_t, std::less<>> seen{};  ///< how many layers have the tensor
    std::set<std::int64_t> layers{};
    std::vector<std::string> outside{};  ///< tensors of other parts, sorted
    bool uniform = true;                 ///< every layer has the same shapes

    [[nodiscard]] const Shape* find(std::string_view name) const {
        const auto found = shapes.find(name);
        return found == shapes.end() ? nullptr : &found->second;
    }
    [[nodiscard]] bool has(std::string_view name) const { return find(name) != nullptr; }
    [[nodiscard]] std::int64_t size(std::string_view name, std::size_t axis) const {
        const auto* shape = find(name);
        return shape != nullptr && axis < shape->size() ? (*shape)[axis] : 0;
    }
};

/// "layers.12.mlp.up_proj.weight" -> 12 and "mlp.up_proj.weight".
std::optional<std::pair<std::int64_t, std::string_view>> split_layer(std::string_view name) {
    if (!name.starts_with(kLayer)) return std::nullopt;
    name.remove_prefix(kLayer.size());
    std::int64_t layer = -1;
    const auto result = std::from_chars(name.data(), name.data() + name.size(), layer);
    const auto used = static_cast<std::size_t>(result.ptr - name.data());
    if (result.ec != std::errc{} || layer < 0 || used >= name.size() || name[used] != '.') {
        return std::nullopt;
    }
    return std::pair(layer, name.substr(used + 1));
}

void add_tensor(Decoder& decoder, std::string_view name, const Shape& shape) {
    const auto layer = split_layer(name);
    if (layer) decoder.layers.insert(layer->first);
    const std::string key(layer ? layer->second : name);
    const auto [found, added] = decoder.shapes.emplace(key, shape);
    if (!added && found->second != shape) decoder.uniform = false;
    if (layer) ++decoder.seen[key];
}

/// Sorts the tensors by the prefix of the embedding table; nothing without such a table.
std::optional<Decoder> decoder_of(const std::vector<StoredTensor>& tensors) {
    const StoredTensor* table = nullptr;
    for (const auto& tensor : tensors) {
        if (!tensor.name.ends_with(kTable)) continue;
        // A prediction block holds a copy below its own, longer prefix.
        if (table == nullptr || tensor.name.size() < table->name.size()) table = &tensor;
    }
    if (table == nullptr) return std::nullopt;
    const auto prefix = table->name.substr(0, table->name.size() - kTable.size());
    Decoder decoder;
    for (const auto& tensor : tensors) {
        const std::string_view name = tensor.name;
        if (name.ends_with("lm_head.weight")) {
            add_tensor(decoder, "lm_head.weight", tensor.shape);
        } else if (name.starts_with(prefix)) {
            add_tensor(decoder, name.substr(prefix.size()), tensor.shape);
        } else {
            decoder.outside.push_back(tensor.name);
        }
    }
    return decoder;
}

bool is_understood(const Decoder& decoder) {
    if (!decoder.uniform || decoder.layers.empty()) return false;
    const auto layers = static_cast<std::int64_t>(decoder.layers.size());
    if (*decoder.layers.rbegin() != layers - 1) return false;
    for (const auto& [name, count] : decoder.seen) {
        const bool known = std::ranges::find(kLayerTensors, name) != kLayerTensors.end();
        if (!known || count != layers) return false;
    }
    for (const auto& [name, shape] : decoder.shapes) {
        const bool outer = name == kTable || name == "norm.weight" || name == "norm.bias" ||
                           name == "lm_head.weight";
        if (!outer && !decoder.seen.contains(name)) return false;
    }
    return std::ranges::all_of(kNeeded, [&](auto name) { return decoder.has(name); });
}

/// The width of a head: told by a per-head norm or the rotary table, else the usual 128 or 64.
std::int64_t head_dim_of(const Decoder& decoder, std::int64_t query, std::int64_t key,
                         std::vector<std::string>& notes) {
    if (const auto half = decoder.size("self_attn.rotary_emb.inv_freq", 0)) return 2 * half;
    const auto norm = decoder.size("self_attn.q_norm.weight", 0);
    if (norm > 0 && norm < query) return norm;
    const std::int64_t dim = query % 128 == 0 && key % 128 == 0 && query >= 2048 ? 128 : 64;
    notes.push_back(fmt::format("shapes do not tell the width of a head: {} is assumed", dim));
    return dim;
}

NormPlacement placement_of(const Decoder& decoder) {
    const bool input = decoder.has("input_layernorm.weight");
    const bool after = decoder.has("post_feedforward_layernorm.weight");
    if (input && after) return NormPlacement::sandwich;
    return after ? NormPlacement::output : NormPlacement::pre;
}

QkNorm qk_norm_of(const Decoder& decoder, std::int64_t head_dim) {
    const auto norm = decoder.size("self_attn.q_norm.weight", 0);
    if (norm == 0) return QkNorm::none;
    return norm == head_dim ? QkNorm::per_head : QkNorm::full;
}

AttentionSpec attention_of(const Decoder& decoder, std::vector<std::string>& notes) {
    const auto query = decoder.size("self_attn.q_proj.weight", 0);
    const auto key = decoder.size("self_attn.k_proj.weight", 0);
    AttentionSpec attention;
    attention.head_dim = head_dim_of(decoder, query, key, notes);
    attention.heads = query / attention.head_dim;
    attention.kv_heads = key / attention.head_dim;
    attention.qkv_bias = decoder.has("self_attn.q_proj.bias");
    attention.out_bias = decoder.has("self_attn.o_proj.bias");
    attention.qk_norm = qk_norm_of(decoder, attention.head_dim);
    return attention;
}

ModelSpec dense_spec(const Decoder& decoder, std::vector<std::string>& notes) {
    ModelSpec spec;
    spec.family = "unknown";
    spec.layers = static_cast<std::int64_t>(decoder.layers.size());
    spec.vocab = decoder.size(kTable, 0);
    spec.hidden = decoder.size(kTable, 1);
    spec.tied_embeddings = !decoder.has("lm_head.weight");
    spec.attention = attention_of(decoder, notes);
    spec.ffn.width = decoder.size("mlp.up_proj.weight", 0);
    spec.ffn.gated = decoder.has("mlp.gate_proj.weight");
    spec.ffn.bias = decoder.has("mlp.up_proj.bias");
    spec.norm_bias = decoder.has("post_attention_layernorm.bias");
    spec.norm = spec.norm_bias ? NormKind::layer : NormKind::rms;
    spec.placement = placement_of(decoder);
    spec.final_norm = decoder.has("norm.weight");
    return spec;
}

/// Parts beside the language model, by the first word of their names.
void add_extra(ModelSpec& spec, const Decoder& decoder, const std::vector<StoredTensor>& tensors) {
    const auto names = sorted_names(tensors);
    std::map<std::string, std::int64_t> parts;
    for (const auto& tensor : tensors) {
        if (!std::ranges::binary_search(decoder.outside, tensor.name)) continue;
        parts[tensor.name.substr(0, tensor.name.find('.'))] += stored_parameters(tensor, names);
    }
    for (const auto& [name, count] : parts) {
        if (count > 0) spec.extra.push_back({.name = name, .count = count});
    }
}

}  // namespace

std::optional<ModelSpec> spec_from_tensors(const std::vector<StoredTensor>& tensors,
                                           const std::string& name,
                                           std::vector<std::string>& notes) {
    auto decoder = decoder_of(tensors);
    if (!decoder || !is_understood(*decoder)) return std::nullopt;
    std::ranges::sort(decoder->outside);
    std::vector<std::string> assumed{"no config.json: activations modelled as a dense decoder"};
    auto spec = dense_spec(*decoder, assumed);
    spec.name = name;
    add_extra(spec, *decoder, tensors);
    try {
        validate(spec, "");
    } catch (const InputError&) {
        return std::nullopt;  // the shapes do not make a decoder after all; the count stands
    }
    notes.insert(notes.end(), assumed.begin(), assumed.end());
    return spec;
}

std::vector<std::string> disagreements(const ModelSpec& config,
                                       const std::vector<StoredTensor>& tensors) {
    std::vector<std::string> out;
    const auto decoder = decoder_of(tensors);
    if (!decoder || config.stack == Stack::encoder_decoder) return out;
    const auto compare = [&](std::string_view what, std::int64_t said, std::int64_t stored) {
        if (stored == 0 || said == stored) return;
        out.push_back(
            fmt::format("the config says {} {}, the stored tensors say {}", said, what, stored));
    };
    // Packed weights have lost their shape; an unpacked one reads the hidden width.
    const auto rows = [&](std::string_view name) {
        return decoder->size(name, 1) == config.hidden ? decoder->size(name, 0) : 0;
    };
    const auto layers = static_cast<std::int64_t>(decoder->layers.size());
    compare("layers", config.layers + (layers > config.layers ? config.mtp_layers : 0), layers);
    compare("vocabulary rows", config.vocab, decoder->size(kTable, 0));
    const auto width = config.embedding_width > 0 ? config.embedding_width : config.hidden;
    compare("embedding columns", width, decoder->size(kTable, 1));
    const auto& attention = config.attention;
    compare("query rows", attention.heads * attention.head_dim, rows("self_attn.q_proj.weight"));
    compare("key rows", attention.kv_heads * attention.head_dim, rows("self_attn.k_proj.weight"));
    if (!config.moe) compare("feed-forward rows", config.ffn.width, rows("mlp.up_proj.weight"));
    return out;
}

}  // namespace headroom
