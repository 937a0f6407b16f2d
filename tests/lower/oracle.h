#pragma once

#include "planner/lower/lower.h"
#include "planner/step/lifetime.h"
#include "tests/support/catch.h"
#include "tests/support/requests.h"

// What published formulas are compared with: bytes, FLOPs and traffic of a lowered step.

namespace headroom::test {

/// The letters of the published formulas.
struct Letters {
    std::int64_t sb = 0;  ///< tokens of a micro-batch on one rank
    std::int64_t s = 0;   ///< sequence
    std::int64_t h = 0;   ///< hidden
    std::int64_t a = 0;   ///< heads
    std::int64_t hq = 0;  ///< heads * head_dim
    std::int64_t hk = 0;  ///< kv_heads * head_dim
    std::int64_t f = 0;   ///< feed-forward width
    std::int64_t t = 1;   ///< tensor parallel ranks
};
Letters letters(const PlanRequest& request);

/// A shipped model cut to its first layers, one micro-batch of `sequence` tokens.
PlanRequest cut(const std::string& id, std::int64_t layers, std::int64_t sequence = 4096);

/// Trained parameters of the request's model.
std::int64_t parameters(const PlanRequest& request);

/// Bytes that one more layer leaves on the device for the backward pass: the layer after the
/// request's last one.
Bytes kept_by_next_layer(const PlanRequest& request);

enum class Flop { model, matrix };
/// FLOPs of one micro-step, forward and backward.
double flops(const PlanRequest& request, Flop kind = Flop::model);

/// Persistent bytes of a role.
Bytes held(const PlanRequest& request, Role role, Place place = Place::device);

/// The most that temporaries of kernels take at once.
Bytes most_workspace(const PlanRequest& request);

/// Bytes that one rank of a stage sends in a step, by the ring algorithm.
Bytes sent(const PlanRequest& request, CollectiveKind kind, Axis axis, std::int64_t stage = 0);

/// Elements of the parameters that the step trains.
std::int64_t trainable(const PlanRequest& request);

}  // namespace headroom::test
