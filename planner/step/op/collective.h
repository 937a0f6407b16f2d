#pragma once

#include <cstdint>
#include <string_view>

#include "planner/spec/model_spec.h"
#include "planner/step/op/fields.h"

namespace headroom {

/// The groups of ranks that talk to each other.
enum class Axis : std::uint8_t {
    data,
    shard,
    replica,
    expert_data,
    tensor,
    context,
    expert,
    pipeline
};
inline constexpr std::array<std::string_view, 8> kAxisNames{
    "data", "shard", "replica", "expert_data", "tensor", "context", "expert", "pipeline"};

enum class CollectiveKind : std::uint8_t {
    all_reduce,
    all_gather,
    reduce_scatter,
    all_to_all,
    send,
};
inline constexpr std::array<std::string_view, 5> kCollectiveNames{
    "all_reduce", "all_gather", "reduce_scatter", "all_to_all", "send"};

/// One collective over `size` ranks of `axis`. all_reduce and all_to_all keep the shape (all_reduce
/// in place); all_gather multiplies the first extent by `size`, reduce_scatter divides it. `async`
/// ones run on the communication stream until the Wait that reads them.
struct Collective {
    static constexpr std::string_view name = "collective";
    CollectiveKind kind = CollectiveKind::all_reduce;
    Axis axis = Axis::data;
    std::int64_t size = 1;
    bool async = false;
    Role role = Role::activation;                         ///< of the output
    Accumulation accumulation = Accumulation::overwrite;  ///< reduce_scatter into a kept shard
    std::int64_t columns = 0;  ///< all_to_all between heads and tokens: columns a row afterwards
    std::int64_t rows = 0;     ///< all_to_all of expert rows: rows that arrive; 0: as many as leave
    bool operator==(const Collective&) const = default;
    void fields(const auto& visit) const {
        visit("kind", kind);
        visit("axis", axis);
        visit("size", size);
        visit("async", async);
        visit("role", role);
        visit("accumulation", accumulation);
        visit("columns", columns);
        visit("rows", rows);
    }
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
    void backward(Tape& tape, const OpNode& node) const;
};

/// x (rows, columns) from the neighbouring pipeline stage; its backward sends the gradient back.
struct Receive {
    static constexpr std::string_view name = "receive";
    std::int64_t rows = 0;
    std::int64_t columns = 0;
    DType dtype = DType::bf16;
    bool operator==(const Receive&) const = default;
    void fields(const auto& visit) const {
        visit("rows", rows);
        visit("columns", columns);
        visit("dtype", dtype);
    }
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
    void backward(Tape& tape, const OpNode& node) const;
};

/// Bytes that one rank sends in a collective, by the ring algorithm: all_reduce 2 (n-1)/n,
/// all_gather and reduce_scatter (n-1)/n of the whole, all_to_all (n-1)/n of its own, send all.
Bytes volume(const Collective& op, Bytes input, Bytes output);

/// Identity forward, all_reduce backward: the entry of a column-parallel region.
struct CopyToGroup {
    static constexpr std::string_view name = "copy_to_group";
    Axis axis = Axis::tensor;
    std::int64_t size = 1;
    bool operator==(const CopyToGroup&) const = default;
    void fields(const auto& visit) const {
        visit("axis", axis);
        visit("size", size);
    }
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
    void backward(Tape& tape, const OpNode& node) const;
};

/// Waits for the asynchronous ops whose operands it reads; keeps those operands alive until here.
struct Wait {
    static constexpr std::string_view name = "wait";
    bool operator==(const Wait&) const = default;
    void fields(const auto& /*visit*/) const {}
    Outputs outputs(const Specs& in) const;
    Work work(const Specs& in, const Specs& out) const;
};

}  // namespace headroom
