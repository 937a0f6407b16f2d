#pragma once

#include "planner/engine/engine.h"
#include "planner/engine/operator_chain.h"

namespace headroom {

/// What the operators of an RMSNorm keep beside their row statistics.
struct NormSaves {
    int between = 0;    ///< bytes an element between input and output
    bool input = true;  ///< the 16-bit input
    int backward = 0;   ///< bytes an element that its gradient works in
};
NormSaves norm_saves(NormStyle style, Gain gain);

/// Bytes an element that act(gate) * up keeps beside its inputs and its output.
int gate_saves(GateStyle style);

/// Where a loss's bytes are, in bytes a logit beside the logits and the gradient of the graph.
struct LossRules {
    LossKind kind = LossKind::fused;  ///< the graph that it is lowered to
    bool over = false;                ///< the gradient is written over the logits
    bool in_pieces = false;           ///< a chunk's gradient is freed before the next one is cast
    int forward = 0;                  ///< scratch of the loss
    int held = 0;                     ///< from the loss to the end of the backward pass
    int backward = 0;                 ///< scratch of its gradient
};
const LossRules& loss_rules(LossStyle style);

/// The style that a request's loss takes in an engine.
LossStyle loss_style(const Engine& engine, const EngineSettings& settings,
                     const PlanRequest& request);

}  // namespace headroom
