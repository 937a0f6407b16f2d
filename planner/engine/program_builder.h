#pragma once

#include <map>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "planner/engine/saved_values.h"
#include "planner/engine/step_program.h"

namespace headroom {

/// Builds a step's program: who shares bytes with whom, what each op adds, and when bytes go.
class ProgramBuilder {
public:
    ProgramBuilder(const Lowering& lowering, const Engine& engine, const EngineSettings& settings);

    StepProgram run();

private:
    void visit(std::size_t at);
    void share_outputs(const OpNode& node);
    /// Whether the framework writes an output that may lie over an input into it.
    [[nodiscard]] bool writes_over(const Op& op) const;
    /// Whether an op reads that input in this framework; what the graph reads and the framework
    /// does not is not kept for it.
    [[nodiscard]] bool reads(const OpNode& node, std::size_t input) const;
    /// Whether a backward op belongs to a layer that no gradient reaches.
    [[nodiscard]] bool has_no_gradient(const OpNode& node) const;
    /// Whether an op works in pieces: an input's piece goes when its output's is made.
    [[nodiscard]] bool in_pieces(const OpNode& node) const;
    [[nodiscard]] bool gathers_for_weight_gradient(const OpNode& node, std::size_t at) const;
    [[nodiscard]] bool is_head(const OpNode& node) const;
    [[nodiscard]] NormStyle norm_style(const OpNode& node) const;
    [[nodiscard]] Gain gain_of(TensorId weight) const;

    // What operators keep and work in (program_saves.cpp).
    void add_kept(const OpNode& node, std::size_t at);
    void keep_norm(const OpNode& node, const Norm& norm);
    void keep_attention(const OpNode& node);
    void keep_adapter(const OpNode& node);
    void keep_loss(const OpNode& node, std::size_t at);
    void keep_quantized_input(const OpNode& node, std::size_t at);
    [[nodiscard]] std::size_t graph_end(std::size_t at) const;
    void narrow_inputs(const OpNode& node);
    void add_scratch(const OpNode& node, std::size_t at);
    void add_head(const OpNode& node, std::size_t at);
    [[nodiscard]] bool copies_output() const;
    [[nodiscard]] bool keeps_quantized_inputs() const;
    [[nodiscard]] bool keeps_narrow_inputs() const;

    void drop_alternate_products();
    void hold_turned(std::size_t at);
    void drop_modules();
    void hold_attention_outputs();
    void offload_checkpoints();
    void drop(TensorId id);
    [[nodiscard]] bool stays_alternate(std::size_t at, std::vector<std::int32_t>& products) const;
    [[nodiscard]] bool starts_layer(std::size_t at) const;
    void hold_collective_inputs();
    void collect();
    void order();
    [[nodiscard]] std::size_t loss_begin() const;
    [[nodiscard]] BlockStream stream_of(std::int32_t at) const;

    void touch(TensorId id, std::size_t at);
    void keep(TensorId with, std::int64_t bytes);
    void scratch(std::size_t at, std::int64_t bytes);
    void weight_gradient(const OpNode& node, std::size_t at);
    [[nodiscard]] std::size_t root(TensorId id) const {
        return static_cast<std::size_t>(root_[static_cast<std::size_t>(id.index)]);
    }
    [[nodiscard]] std::int64_t elements(TensorId id) const { return numel(graph_[id].shape); }
    [[nodiscard]] std::int64_t size(TensorId id) const { return bytes(graph_[id]).count(); }

    const Lowering& lowering_;
    const StepGraph& graph_;
    const Engine& engine_;
    const EngineSettings& settings_;
    const LossRules& loss_;
    std::map<std::pair<std::int32_t, std::string_view>, TensorId> quantized_input_{};
    std::vector<std::int32_t> root_;
    std::vector<std::int64_t> extra_;
    std::vector<std::int32_t> first_;
    std::vector<std::int32_t> last_;
    std::int32_t dropped_layer_ = -1;  ///< whose shared adapter dropout is counted
    std::int32_t head_at_ = -1;
    std::set<std::int32_t> held_{};  ///< gradients that were written before
    StepProgram program_{};
};

}  // namespace headroom
