#pragma once

#include <cstdint>
#include <string_view>

#include "planner/spec/model_spec.h"
#include "planner/step/op/fields.h"

namespace headroom {

/// x (N, C) = scale * table[ids]; ids (N) i32, table (V, C). Ids outside a vocabulary shard give 0.
struct Embedding {
    static constexpr std::string_view name = "embedding";
    double scale = 1.0;
    bool operator==(const Embedding&) const = default;
    void fields(const auto& visit) const { visit("scale", scale); }

    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
    void backward(Tape& tape, const OpNode& node) const;
};

/// (ids (N), dy (N, C)) -> dtable (V, C): rows of one id are summed in a fixed order.
struct EmbeddingGrad {
    static constexpr std::string_view name = "embedding_grad";
    double scale = 1.0;
    Accumulation accumulation = Accumulation::overwrite;
    bool operator==(const EmbeddingGrad&) const = default;
    void fields(const auto& visit) const {
        visit("scale", scale);
        visit("accumulation", accumulation);
    }

    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
};

/// x (N, C) += table[ids], in place: learned positions and token types.
struct AddEmbedding {
    static constexpr std::string_view name = "add_embedding";
    bool operator==(const AddEmbedding&) const = default;
    void fields(const auto& /*visit*/) const {}

    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
    void backward(Tape& tape, const OpNode& node) const;
};

}  // namespace headroom
