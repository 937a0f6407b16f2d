#include "planner/score/row_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "planner/base/error.h"
#include "planner/score/row_settings.h"

namespace headroom {
namespace {

/// Rows that are no training step, by their regime.
struct RegimeReason {
    std::string_view regime;
    std::string_view reason;
};
constexpr std::array kOtherRegimes{
    RegimeReason{"compression", "a table of compressed sizes, not a training step"},
    RegimeReason{"memory-model", "computed by its source from a formula, not measured"},
    RegimeReason{"max-model", "the largest model that fits, not a measured step"},
    RegimeReason{"microbench", "one matrix product or one layer, not a training step"},
    RegimeReason{"tpu", "not a GPU"},
};

/// Sizes a request needs and some rows lack.
constexpr std::array<std::string_view, 4> kModelSizes{"layers", "hidden", "heads", "vocab"};

std::string missing_size(const MeasuredRow& row) {
    const bool encoder_decoder = row.model.contains("encoder_layers");
    for (const auto key : kModelSizes) {
        if (key == "layers" && encoder_decoder) continue;
        if (count_of(row.model, key, 0) == 0) return fmt::format("the row has no \"{}\"", key);
    }
    if (count_of(row.setup, "seq_len", 0) == 0) return "the row has no \"seq_len\"";
    if (count_of(row.setup, "micro_batch", 0) == 0) return "the row has no \"micro_batch\"";
    return {};
}

void pad_vocabulary(ExpressedRow& out) {
    const std::int64_t multiple = out.engine->vocab_multiple * out.request.layout.tensor;
    auto& vocab = out.request.model.vocab;
    if (vocab % multiple != 0) vocab = round_up(vocab, multiple);
}

/// Megatron keeps query, key and value, and gate and up, in one matrix each; others do not.
void fuse_matrices(ExpressedRow& out) {
    const bool fused = out.engine->id == "megatron" || out.engine->launch == Launch::native ||
                       out.engine->launch == Launch::graphs;
    out.request.model.attention.fused_qkv = fused && !out.request.model.attention.latent &&
                                            out.request.adapter.kind == AdapterKind::none;
    out.request.model.ffn.fused_gate_up = fused && out.request.model.ffn.gated;
}

/// A stage needs a layer a chunk; where embedding and head fill a chunk of their own, it has none.
void fit_interleave(ExpressedRow& out) {
    auto& layout = out.request.layout;
    const std::int64_t most = std::max<std::int64_t>(out.request.model.layers / layout.pipeline, 1);
    layout.interleave = std::min(layout.interleave, most);
    if (layout.interleave == 1) layout.schedule = PipelineSchedule::one_f_one_b;
}

ExpressedRow expressed(const MeasuredRow& row, const Engine& engine, const Library& library) {
    ExpressedRow out{.engine = &engine};
    out.request.engine = std::string(engine.id);
    out.request.model = row_model(row);
    out.request.hardware = row_hardware(row, library);
    read_training(row, out);
    read_layout(row, out);
    read_loss(row, out);
    read_recompute(row, out);
    read_adapter(row, out);
    read_offload(row, out);
    read_execution(row, out);
    pad_vocabulary(out);
    fuse_matrices(out);
    fit_interleave(out);
    return out;
}

}  // namespace

std::variant<ExpressedRow, Unexpressed> express(const MeasuredRow& row, const Library& library) {
    for (const auto& entry : kOtherRegimes) {
        if (row.regime == entry.regime) return Unexpressed{std::string(entry.reason)};
    }
    if (const std::string missing = missing_size(row); !missing.empty()) {
        return Unexpressed{missing};
    }
    const Engine* engine = row_engine(row);
    if (engine == nullptr) {
        return Unexpressed{fmt::format("no engine models the framework \"{}\"", row.framework)};
    }
    try {
        return expressed(row, *engine, library);
    } catch (const InputError& error) {
        return Unexpressed{error.what()};
    }
}

}  // namespace headroom
