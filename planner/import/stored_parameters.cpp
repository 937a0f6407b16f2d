#include "planner/import/stored_parameters.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include "planner/base/units.h"

namespace headroom {
namespace {

/// Scales, packing tables and buffers: in the file, never trained.
constexpr std::array<std::string_view, 24> kNotParameters{
    ".absmax",
    ".nested_absmax",
    ".quant_map",
    ".nested_quant_map",
    ".SCB",
    ".weight_format",
    ".weight_scale",
    ".weight_scale_inv",
    ".weight_scale_2",
    ".input_scale",
    ".weight_global_scale",
    ".input_global_scale",
    ".weight_shape",
    ".g_idx",
    ".scales",
    ".qzeros",
    "_scales",
    ".k_scale",
    ".v_scale",
    ".weight_zero_point",
    ".inv_freq",
    ".masked_bias",
    ".position_ids",
    "e_score_correction_bias",
};

constexpr std::array<std::string_view, 7> kIntegerBuffers{"BOOL", "I16", "U16", "I32",
                                                          "U32",  "I64", "U64"};

/// Endings of tensors that hold the one embedding table again when it is tied.
constexpr std::array<std::string_view, 4> kTiedCopies{"lm_head.weight", "embed_out.weight",
                                                      "encoder.embed_tokens.weight",
                                                      "decoder.embed_tokens.weight"};
constexpr std::array<std::string_view, 5> kTables{"shared.weight", "embed_tokens.weight",
                                                  "wte.weight", "embed_in.weight",
                                                  "word_embeddings.weight"};

constexpr std::string_view kLayers = "layers.";

bool ends_with_any(std::string_view name, std::span<const std::string_view> endings) {
    return std::ranges::any_of(endings, [&](auto ending) { return name.ends_with(ending); });
}

std::int64_t elements(const StoredTensor& tensor) {
    std::int64_t product = 1;
    for (const auto size : tensor.shape) product *= size;
    return product;
}

bool is_buffer(const StoredTensor& tensor) {
    if (ends_with_any(tensor.name, kNotParameters)) return true;
    if (tensor.name.find(".quant_state.") != std::string::npos) return true;
    if (tensor.dtype == "F8_E8M0") return true;
    // The causal mask of old gpt2 and neox files has the name of a bias and four dimensions.
    const bool mask = tensor.name.ends_with("attn.bias") || tensor.name.ends_with("attention.bias");
    return mask && tensor.shape.size() == 4;
}

/// Whether some tensor is called `prefix` followed by anything.
bool any_named(const std::vector<std::string>& names, const std::string& prefix) {
    const auto found = std::ranges::lower_bound(names, prefix);
    return found != names.end() && found->starts_with(prefix);
}

bool is_packed_4bit(const StoredTensor& tensor, const std::vector<std::string>& names) {
    return tensor.name.ends_with("_blocks") || tensor.name.ends_with("weight_packed") ||
           any_named(names, tensor.name + ".quant_state") ||
           any_named(names, tensor.name + ".absmax") || any_named(names, tensor.name + "_scale");
}

/// The layer index of "…layers.61.…", or -1.
std::int64_t layer_of(std::string_view name) {
    const auto at = name.find(kLayers);
    if (at == std::string_view::npos) return -1;
    const auto digits = name.substr(at + kLayers.size());
    std::int64_t layer = -1;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), layer);
    return result.ec == std::errc{} ? layer : -1;
}

std::int64_t tied_copies(const std::vector<StoredTensor>& tensors, const ModelSpec& spec) {
    const auto table =
        std::vector{spec.vocab, spec.embedding_width > 0 ? spec.embedding_width : spec.hidden};
    std::int64_t copies = 0;
    std::int64_t tables = 0;
    for (const auto& tensor : tensors) {
        if (tensor.shape != table) continue;
        if (ends_with_any(tensor.name, kTiedCopies)) {
            ++copies;
        } else if (ends_with_any(tensor.name, kTables)) {
            ++tables;
        }
    }
    // A lone copy (a file that kept only the head) is the table itself.
    if (tables == 0 && copies > 0) --copies;
    const bool shared_by_stacks = spec.stack == Stack::encoder_decoder && !spec.tied_embeddings;
    if (shared_by_stacks && copies > 0) --copies;  // the head is a matrix of its own
    return spec.tied_embeddings || shared_by_stacks ? copies * spec.vocab * table[1] : 0;
}

}  // namespace

std::vector<std::string> sorted_names(const std::vector<StoredTensor>& tensors) {
    std::vector<std::string> names;
    names.reserve(tensors.size());
    for (const auto& tensor : tensors) names.push_back(tensor.name);
    std::ranges::sort(names);
    return names;
}

std::int64_t stored_parameters(const StoredTensor& tensor, const std::vector<std::string>& names) {
    if (is_buffer(tensor)) return 0;
    const auto count = elements(tensor);
    // Eight 4-bit codes a word, the common packing of GPTQ and AWQ files.
    const bool words = tensor.name.ends_with("qweight") || tensor.name.ends_with("weight_packed");
    if (tensor.dtype == "I32" && words) return 8 * count;
    if (ends_with_any(tensor.dtype, kIntegerBuffers)) return 0;
    if (tensor.dtype == "U8" && is_packed_4bit(tensor, names)) return 2 * count;
    return count;
}

std::int64_t count_stored_parameters(const std::vector<StoredTensor>& tensors) {
    const auto names = sorted_names(tensors);
    std::int64_t total = 0;
    for (const auto& tensor : tensors) total += stored_parameters(tensor, names);
    return total;
}

std::int64_t surplus_parameters(const std::vector<StoredTensor>& tensors, const ModelSpec& spec,
                                std::vector<std::string>& notes) {
    const auto copies = tied_copies(tensors, spec);
    if (copies > 0) {
        notes.push_back(
            fmt::format("the file stores a shared embedding more than once: {} "
                        "parameters are not counted again",
                        with_thousands(copies)));
    }
    const auto names = sorted_names(tensors);
    std::int64_t prediction = 0;
    for (const auto& tensor : tensors) {
        const bool beyond = spec.mtp_layers > 0 && layer_of(tensor.name) >= spec.layers;
        if (beyond) prediction += stored_parameters(tensor, names);
    }
    if (prediction > 0) {
        notes.push_back(fmt::format("{} parameters of multi-token prediction are not counted",
                                    with_thousands(prediction)));
    }
    return copies + prediction;
}

}  // namespace headroom
