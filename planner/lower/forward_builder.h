#pragma once

#include <array>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "planner/technique/lowering.h"

namespace headroom {

/// A value of the residual stream: `value` plus, if valid, a branch output not yet added to it.
struct Stream {
    TensorId value{};
    TensorId pending{};
};

/// What a parameter is besides its shape.
struct ParameterKind {
    Split split = Split::none;
    UnitKind unit = UnitKind::dense;
    std::int64_t kv_heads = 0;
    std::int64_t kv_rows = 0;
};

/// Emits forward ops of one rank's micro-step at full width: every split is a later pass.
class ForwardBuilder {
public:
    ForwardBuilder(Lowering& lowering, Subject subject);

    [[nodiscard]] const ModelSpec& model() const { return model_; }
    [[nodiscard]] const TrainSpec& train() const { return train_; }
    /// What the request's teacher adds to the loss.
    [[nodiscard]] Distillation distillation() const;
    [[nodiscard]] StepGraph& graph() { return graph_; }
    /// Tokens of one sequence and of the micro-batch on this rank.
    [[nodiscard]] std::int64_t sequence() const { return sequence_; }
    [[nodiscard]] std::int64_t tokens() const { return sequence_ * train().micro_batch; }
    void set_layer(std::int64_t layer) {
        layer_ = static_cast<std::int32_t>(layer);
        dropouts_ = 0;
    }
    /// Of the model, from 0; -1: outside of them.
    [[nodiscard]] std::int32_t layer() const { return layer_; }

    TensorId parameter(std::string_view part, Shape shape, ParameterKind kind = {});
    /// A persistent i32 input (N) of the step, which student and teacher share.
    TensorId input(std::string_view part, std::int64_t count);

    Emitted emit(Op op, std::initializer_list<TensorId> in, std::string_view part);
    Emitted emit(Op op, std::span<const TensorId> in, std::string_view part);
    TensorId one(Op op, std::initializer_list<TensorId> in, std::string_view part) {
        return emit(std::move(op), in, part).front();
    }

    /// Names of a linear layer's tensors: its module, its weight and its bias.
    struct Names {
        std::string_view module;
        std::string_view weight;
        std::string_view bias;
    };
    TensorId linear(TensorId x, Names names, std::int64_t out, LinearStyle style, bool bias,
                    ParameterKind kind = {});
    /// Normalises x; with `group` every run of that many columns.
    TensorId norm(TensorId x, std::string_view part, std::int64_t group = 0,
                  Split split = Split::none, UnitKind unit = UnitKind::dense);
    /// Normalises the stream and leaves the sum in it: adds what is pending in the same op.
    TensorId norm(Stream& stream, std::string_view part, UnitKind unit = UnitKind::dense);
    /// Adds what is pending.
    TensorId settle(Stream& stream);
    TensorId dropout(TensorId x, bool in_place = true);

private:
    [[nodiscard]] Label label(std::string_view part) const {
        return {part, subject_ == Subject::teacher ? teacher_layer(layer_) : layer_};
    }

    const PlanRequest& request_;
    const ModelSpec& model_;
    TrainSpec train_;
    StepGraph& graph_;
    Subject subject_;
    std::int64_t sequence_;
    std::int32_t layer_ = -1;
    std::int64_t dropouts_ = 0;        ///< sites used in this layer
    std::int64_t outer_dropouts_ = 0;  ///< and outside of the layers
};

/// The head's matrix and where the embedding table is, for tied models.
struct Outer {
    TensorId table{};
};

/// attention(x): self-attention, or cross-attention over `memory`. -> branch output.
TensorId attention_block(ForwardBuilder& build, TensorId x, TensorId memory, bool causal,
                         TensorId relative_bias);
/// Dense feed-forward block of `width`. -> branch output.
TensorId ffn_block(ForwardBuilder& build, TensorId x);
/// Mixture-of-experts block. -> branch output.
TensorId moe_block(ForwardBuilder& build, TensorId x);
/// What the head multiplies, and its matrix.
struct Head {
    TensorId x{};
    TensorId weight{};
};
Head head_block(ForwardBuilder& build, Stream& stream, Outer& outer);
/// The loss of the head's logits, beside those of a teacher if there is one.
void loss_block(ForwardBuilder& build, const Head& head, const Head& teacher);
/// Token (and position, and type) embeddings. -> (N, hidden)
TensorId embedding_block(ForwardBuilder& build, Outer& outer);
/// One layer of a decoder-only or encoder-only stack.
void layer_block(ForwardBuilder& build, Stream& stream, bool moe, bool causal,
                 TensorId relative_bias);

/// The forward pass of a stage into lowering.graph: a teacher's whole, up to its head, then the
/// student's, so that only what the teacher's head reads lies beside the student's activations.
void emit_forward(Lowering& lowering);

}  // namespace headroom
