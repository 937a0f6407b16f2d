#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "planner/score/row_settings.h"

namespace headroom {
namespace {

/// Linears that an adapter's description names by letters or words; empty: all of them.
std::vector<std::string> adapted_linears(std::string_view lora, const ModelSpec& model) {
    struct Words {
        std::string_view text;
        std::vector<std::string> linears;
    };
    const std::array known{Words{"q and v", {"q_proj", "v_proj"}},
                           Words{"q,k,v", {"q_proj", "k_proj", "v_proj"}},
                           Words{"q,v,o", {"q_proj", "v_proj", "o_proj"}}};
    const auto found =
        std::ranges::find_if(known, [&](const Words& words) { return has_text(lora, words.text); });
    if (found == known.end()) return {};
    std::vector<std::string> linears = found->linears;
    if (has_text(lora, "MLP") && model.ffn.gated) {
        linears.insert(linears.end(), {"gate_proj", "up_proj", "down_proj"});
    }
    return linears;
}

}  // namespace

void read_adapter(const MeasuredRow& row, ExpressedRow& out) {
    const std::string method = text_of(row.setup, "method");
    const std::string lora = text_of(row.setup, "lora");
    auto& adapter = out.request.adapter;
    const bool quantized = has_text(method, "qlora") || !text_of(row.setup, "quantization").empty();
    if (!has_text(method, "lora") && !has_text(method, "adapter") && !quantized) return;
    out.request.train.goal = Goal::adapt;
    adapter.kind = quantized ? AdapterKind::qlora : AdapterKind::lora;
    adapter.rank = 16;
    if (const auto at = lora.find("rank "); at != std::string::npos) {
        adapter.rank = std::max<std::int64_t>(std::atoll(lora.c_str() + at + 5), 1);
    }
    if (has_text(lora, "dropout 0.1")) adapter.dropout = 0.1;
    if (has_text(lora, "dropout 0.05")) adapter.dropout = 0.05;
    if (has_text(method, "adapter_v2")) {
        adapter.rank = 1;
        out.settings.adapter = AdapterForm::scaled;
    } else if (has_text(method, "adapter")) {
        // LLaMA-Adapter trains a prompt in attention and no linear layer, from the third layer on
        // (litgpt's adapter_start_layer).
        adapter.rank = 1;
        adapter.targets = {"q_proj"};
        out.settings.adapter = AdapterForm::prompt;
        out.settings.first_adapted_layer = 2;
    } else if (out.engine->decomposition.attention.packed_view) {
        out.settings.adapter = AdapterForm::merged;
    }
    if (auto named = adapted_linears(lora, out.request.model); !named.empty()) {
        adapter.targets = std::move(named);
    }
    adapter.double_quant =
        out.engine->double_quant || has_text(text_of(row.setup, "quantization"), "dq");
    adapter.paged_optimizer = false;
}

}  // namespace headroom
