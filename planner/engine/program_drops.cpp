#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <variant>

#include "planner/engine/program_builder.h"

namespace headroom {

bool ProgramBuilder::starts_layer(std::size_t at) const {
    return at == 0 || graph_.ops[at - 1].layer != graph_.ops[at].layer;
}

/// What selective checkpointing by operator keeps: every second product, attention's output (unless
/// another kernel than the listed ones computes it: cuDNN's on Blackwell, torchtitan's first
/// choice there and not in its list), and a layer's input.
bool ProgramBuilder::stays_alternate(std::size_t at, std::vector<std::int32_t>& products) const {
    const OpNode& node = graph_.ops[at];
    if (std::holds_alternative<Linear>(node.op)) {
        return products[static_cast<std::size_t>(node.layer)]++ % 2 == 0;
    }
    const bool listed = lowering_.request.hardware.profile.chip != "GB100";
    return std::holds_alternative<Attention>(node.op) && listed;
}

/// What lies between kept operators is made again when its layer's backward pass begins.
void ProgramBuilder::drop_alternate_products() {
    std::int32_t layers = 0;
    for (const auto& node : graph_.ops) layers = std::max(layers, node.layer + 1);
    std::vector<std::int32_t> products(static_cast<std::size_t>(layers), 0);
    for (std::size_t at = 0; at < graph_.ops.size(); ++at) {
        const OpNode& node = graph_.ops[at];
        if (node.phase != Phase::forward || node.layer < 0) continue;
        if (stays_alternate(at, products)) {
            hold_turned(at);
            continue;
        }
        const bool sums =
            std::holds_alternative<Norm>(node.op) && std::get<Norm>(node.op).residual && at > 0;
        std::size_t i = 0;
        for (const auto id : graph_.outputs(node)) {
            if (sums && i++ == 0 && starts_layer(at)) continue;
            drop(id);
        }
    }
}

/// A kept product that a position encoding turns is what its layer's backward pass starts from: the
/// turned one is made again.
void ProgramBuilder::hold_turned(std::size_t at) {
    const OpNode& node = graph_.ops[at];
    if (!std::holds_alternative<Linear>(node.op)) return;
    const std::size_t product = root(graph_.outputs(node)[0]);
    const auto is_turned = [&](const OpNode& other) {
        const auto inputs = graph_.inputs(other);
        return std::holds_alternative<Rope>(other.op) && other.phase == Phase::forward &&
               std::ranges::any_of(inputs, [&](TensorId id) { return root(id) == product; });
    };
    if (std::ranges::none_of(graph_.ops, is_turned)) return;
    for (std::size_t later = at; later < graph_.ops.size(); ++later) {
        const OpNode& other = graph_.ops[later];
        if (other.phase != Phase::backward || other.layer != node.layer) continue;
        touch(graph_.outputs(node)[0], later);
        return;
    }
}

/// Modules that Megatron-Core makes again (recompute_modules): their inputs stay.
void ProgramBuilder::drop_modules() {
    constexpr std::array<std::string_view, 4> kFeedForward{"mlp.gate_up_proj", "mlp.gate_proj",
                                                           "mlp.up_proj", "mlp.act"};
    constexpr std::array<std::string_view, 5> kLatentUp{"attn.kv_b_proj", "attn.q_rope", "attn.kv",
                                                        "attn.kv_a_norm.weight", "attn.kv_a_norm"};
    for (const OpNode& node : graph_.ops) {
        if (node.phase != Phase::forward || node.layer < 0) continue;
        for (const auto id : graph_.outputs(node)) {
            const std::string_view part = graph_[id].label.part;
            const bool named = std::ranges::find(kFeedForward, part) != kFeedForward.end();
            const bool latent = std::ranges::find(kLatentUp, part) != kLatentUp.end();
            if (((settings_.recomputes.feed_forward || settings_.graphs_feed_forward) && named) ||
                (settings_.recomputes.latent_up && latent)) {
                drop(id);
            }
        }
    }
}

/// Attention that is run again in Megatron-Core frees its log-sum-exp alone: its output is a
/// product's input, except where an fp8 product keeps that in its own format.
void ProgramBuilder::hold_attention_outputs() {
    if (engine_.weight_gradient != WeightGradient::main || keeps_narrow_inputs()) return;
    std::map<std::int32_t, TensorId> made;
    for (std::size_t at = 0; at < graph_.ops.size(); ++at) {
        const OpNode& node = graph_.ops[at];
        if (!std::holds_alternative<Attention>(node.op)) continue;
        if (node.phase == Phase::forward) {
            made[node.layer] = graph_.outputs(node)[0];
        } else if (const auto found = made.find(node.layer); found != made.end()) {
            touch(found->second, at);
        }
    }
}

/// Layers' inputs that wait for their backward pass in host memory.
void ProgramBuilder::offload_checkpoints() {
    const auto turn = static_cast<std::int32_t>(loss_begin());
    for (const OpNode& node : graph_.ops) {
        if (node.phase != Phase::forward) continue;
        for (const auto id : graph_.outputs(node)) {
            const std::size_t to = root(id);
            if (first_[to] >= 0 && first_[to] < turn && last_[to] >= turn) drop(id);
        }
    }
}

/// Ends a buffer with its last forward reader; a second one serves the backward pass.
void ProgramBuilder::drop(TensorId id) {
    const std::size_t to = root(id);
    if (to != static_cast<std::size_t>(id.index)) return;
    std::int32_t forward_end = first_[to];
    std::int32_t again = -1;
    for (auto at = first_[to]; at <= last_[to]; ++at) {
        const OpNode& node = graph_.ops[static_cast<std::size_t>(at)];
        for (const auto in : graph_.inputs(node)) {
            if (root(in) != to) continue;
            if (node.phase == Phase::forward) {
                forward_end = at;
            } else if (again < 0) {
                again = at;
            }
        }
    }
    if (again < 0) return;
    program_.buffers.push_back({Bytes{size(id) + extra_[to]}, again, last_[to]});
    last_[to] = forward_end;
}

}  // namespace headroom
