#pragma once

#include <array>
#include <span>

#include "planner/cost/op_time.h"
#include "planner/spec/hardware_profile.h"
#include "planner/step/step_graph.h"

namespace headroom {

/// Round numbers and no latencies: 1 PFLOP/s, 1 TB/s, NVLink 100, network 10, PCIe 10 GB/s a GPU.
inline HardwareProfile round_machine() {
    HardwareProfile gpu{.id = "round"};
    gpu.memory_bandwidth = gigabytes_per_second(1000.0);
    gpu.peak = {{DType::bf16, teraflops_per_second(1000.0)},
                {DType::f32, teraflops_per_second(100.0)}};
    gpu.gemm_fraction = gpu.attention_fraction = gpu.memory_fraction = 1.0;
    gpu.link_fraction = gpu.pcie_fraction = 1.0;
    gpu.nvlink = gigabytes_per_second(100.0);
    gpu.pcie = gigabytes_per_second(10.0);
    gpu.tdp_watts = 500.0;
    gpu.node.id = "round-node";
    gpu.node.gpus = 8;
    gpu.node.network = gigabytes_per_second(80.0);
    gpu.node.nvme_read = gigabytes_per_second(8.0);
    gpu.node.nvme_write = gigabytes_per_second(4.0);
    return gpu;
}

/// Eight-way data parallelism inside one node.
inline ParallelLayout one_node() { return {.data = 8, .zero = 3}; }

inline TensorId floats(StepGraph& graph, std::int64_t count, Place place = Place::device) {
    Tensor tensor{};
    tensor.shape = {count};
    tensor.dtype = DType::f32;
    tensor.place = place;
    return graph.add(tensor);
}

inline void place(StepGraph& graph, Op op, std::span<const TensorId> in,
                  std::span<const TensorId> out, Phase phase = Phase::forward,
                  When when = When::every) {
    OpNode node = graph.make(std::move(op), in, out);
    node.phase = phase;
    node.when = when;
    graph.ops.push_back(node);
}

/// A kernel of 3 ms on the round machine: two reads and a write of 1 GB.
inline void three_milliseconds(StepGraph& graph, Phase phase = Phase::forward,
                               When when = When::every) {
    const TensorId a = floats(graph, 250'000'000);
    const TensorId b = floats(graph, 250'000'000);
    place(graph, Add{}, std::array{a, b}, std::array{a}, phase, when);
}

/// An all_gather of 0.8 GB over 8 ranks: 7 ms on the round machine. Returns its output.
inline TensorId seven_millisecond_gather(StepGraph& graph, bool async,
                                         Phase phase = Phase::forward) {
    const TensorId part = floats(graph, 25'000'000);
    const TensorId whole = floats(graph, 200'000'000);
    const Collective op{
        .kind = CollectiveKind::all_gather, .axis = Axis::shard, .size = 8, .async = async};
    place(graph, op, std::array{part}, std::array{whole}, phase);
    return whole;
}

inline void wait_for(StepGraph& graph, TensorId id, Phase phase = Phase::forward) {
    place(graph, Wait{}, std::array{id}, {}, phase);
}

inline double milliseconds(Seconds time) { return time.count() * 1e3; }

}  // namespace headroom
