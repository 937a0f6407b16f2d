#pragma once

#include <cstdint>
#include <string_view>

#include "planner/spec/model_spec.h"
#include "planner/step/op/fields.h"

namespace headroom {

/// c = a + b, over a. Both inputs get the gradient of c as it is.
struct Add {
    static constexpr std::string_view name = "add";
    double scale = 1.0;  ///< c = scale * a + b
    bool in_place = true;
    bool operator==(const Add&) const = default;
    void fields(const auto& visit) const {
        visit("scale", scale);
        visit("in_place", in_place);
    }
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
    void backward(Tape& tape, const OpNode& node) const;
};

/// (sum, addend) -> sum += addend, in place: gradients of a value that is read twice.
struct Accumulate {
    static constexpr std::string_view name = "accumulate";
    bool operator==(const Accumulate&) const = default;
    void fields(const auto& /*visit*/) const {}
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
};

/// x -> (y, mask u8): y = x * keep / (1 - rate). What is kept depends on the step's seed, the
/// micro-step, the layer, `site` and the element's index alone, so a second run keeps the same.
struct Dropout {
    static constexpr std::string_view name = "dropout";
    double rate = 0.0;
    bool in_place = true;
    std::int64_t site = 0;  ///< which dropout of its layer
    bool operator==(const Dropout&) const = default;
    void fields(const auto& visit) const {
        visit("rate", rate);
        visit("in_place", in_place);
        visit("site", site);
    }
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
    void backward(Tape& tape, const OpNode& node) const;
};

/// (dy, mask) -> dx; over dy when `in_place`.
struct DropoutGrad {
    static constexpr std::string_view name = "dropout_grad";
    double rate = 0.0;
    bool in_place = true;
    bool operator==(const DropoutGrad&) const = default;
    void fields(const auto& visit) const {
        visit("rate", rate);
        visit("in_place", in_place);
    }
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
};

/// x in another dtype.
struct Cast {
    static constexpr std::string_view name = "cast";
    DType to = DType::f32;
    Role role = Role::activation;
    bool operator==(const Cast&) const = default;
    void fields(const auto& visit) const {
        visit("to", to);
        visit("role", role);
    }
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
    void backward(Tape& tape, const OpNode& node) const;
};

/// x (N, a + b [+ c]) -> its column blocks; views, nothing moves.
struct SplitColumns {
    static constexpr std::string_view name = "split_columns";
    std::int64_t a = 0;
    std::int64_t b = 0;
    std::int64_t c = 0;
    bool operator==(const SplitColumns&) const = default;
    void fields(const auto& visit) const {
        visit("a", a);
        visit("b", b);
        visit("c", c);
    }
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
    void backward(Tape& tape, const OpNode& node) const;
};

/// Column blocks -> one matrix: the backward of SplitColumns.
struct JoinColumns {
    static constexpr std::string_view name = "join_columns";
    bool operator==(const JoinColumns&) const = default;
    void fields(const auto& /*visit*/) const {}
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
};

/// (x (N, C), scale (C) f32 [, frozen bias (C)]) -> y = x * scale [+ bias]; x is kept for the
/// gradient of scale.
struct ScaleColumns {
    static constexpr std::string_view name = "scale_columns";
    bool operator==(const ScaleColumns&) const = default;
    void fields(const auto& /*visit*/) const {}
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
    void backward(Tape& tape, const OpNode& node) const;
};

/// (x, scale, dy) -> (dx over x, dscale (C) f32).
struct ScaleColumnsGrad {
    static constexpr std::string_view name = "scale_columns_grad";
    bool operator==(const ScaleColumnsGrad&) const = default;
    void fields(const auto& /*visit*/) const {}
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
};

/// y (N, C) = sigmoid(gate (N, 1)) * x: the gate of a shared expert.
struct GateRows {
    static constexpr std::string_view name = "gate_rows";
    bool operator==(const GateRows&) const = default;
    void fields(const auto& /*visit*/) const {}
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
    void backward(Tape& tape, const OpNode& node) const;
};

/// (x, gate, dy) -> (dx over x, dgate (N, 1)).
struct GateRowsGrad {
    static constexpr std::string_view name = "gate_rows_grad";
    bool operator==(const GateRowsGrad&) const = default;
    void fields(const auto& /*visit*/) const {}
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
};

/// x (B*T, C) -> its first token a sequence (B, C): BERT's pooler. No gradient flows back.
struct PoolRows {
    static constexpr std::string_view name = "pool_rows";
    std::int64_t sequence = 0;
    bool operator==(const PoolRows&) const = default;
    void fields(const auto& visit) const { visit("sequence", sequence); }
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
};

}  // namespace headroom
