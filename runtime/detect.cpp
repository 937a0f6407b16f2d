#include "runtime/detect.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <vector>

#include "planner/base/json.h"
#include "planner/base/units.h"
#include "runtime/backend.h"
#include "runtime/executor.h"
#include "runtime/process_memory.h"

namespace headroom {
namespace {

using Clock = std::chrono::steady_clock;

/// Of the runs that fit into a third of a second, at least three: the shortest, which is what the
/// machine can do, and the median, which is what a run will see.
struct Times {
    Seconds best{};
    Seconds median{};
};
Times times_of(const std::function<void()>& run) {
    constexpr double kEnough = 0.33;
    constexpr std::size_t kLeast = 3;
    std::vector<double> took;
    double all = 0.0;
    run();
    while (took.size() < kLeast || all < kEnough) {
        const auto start = Clock::now();
        run();
        took.push_back(std::chrono::duration<double>(Clock::now() - start).count());
        all += took.back();
    }
    std::ranges::sort(took);
    return {Seconds{took.front()}, Seconds{took[took.size() / 2]}};
}

struct OpInputSpec {
    Shape shape{};
    DType dtype = DType::f32;
};

/// What an op declares to do, and how long that took.
struct Measured {
    Work work{};
    Times time{};

    /// FLOP/s of its products at their best, and as a rule.
    [[nodiscard]] double best_matrix() const { return work.matrix.count() / time.best.count(); }
    [[nodiscard]] double matrix() const { return work.matrix.count() / time.median.count(); }
    [[nodiscard]] double vector() const { return work.vector.count() / time.median.count(); }
    [[nodiscard]] double bytes() const { return work.moved.real() / time.median.count(); }
};

/// Runs an op's own kernel on operands of these shapes; `outputs` are those it writes into, if it
/// does not make its own.
Measured measure(const Op& op, std::vector<OpInputSpec> inputs, Phase phase = Phase::forward,
                 const std::vector<std::size_t>& outputs = {}) {
    StepGraph graph;
    const auto add = [&](Shape shape, DType dtype, std::string_view part) {
        Tensor tensor{};
        tensor.shape = shape;
        tensor.dtype = dtype;
        tensor.label = {part, -1};
        tensor.persistent = true;
        return graph.add(tensor);
    };
    add({kScalars}, DType::f32, "input.scalars");
    add({32 * kMiB}, DType::u8, "gemm.workspace");
    std::vector<TensorId> in;
    for (const auto& input : inputs) in.push_back(add(input.shape, input.dtype, "x"));
    if (outputs.empty()) {
        graph.emit(op, in, {"y", 0}, phase);
    } else {
        std::vector<TensorId> out;
        for (const auto i : outputs) out.push_back(in[i]);
        OpNode node = graph.make(op, in, out);
        node.phase = phase;
        graph.ops.push_back(node);
    }
    const auto backend = make_cpu_backend();
    Executor executor(graph, *backend);
    executor.begin_step({});
    const Times time = times_of([&] {
        if (phase == Phase::update) {
            executor.update();
        } else {
            executor.micro_step(0);
        }
    });
    return {work(graph, graph.ops.front()), time};
}

/// FLOP/s of a square product, at its best.
double product_peak(std::int64_t size, DType dtype) {
    return measure(Linear{}, {{{size, size}, dtype}, {{size, size}, dtype}}).best_matrix();
}

/// FLOP/s of a linear layer's three products one after the other, as a rule.
double layer_rate() {
    constexpr std::int64_t kTokens = 1024;
    constexpr std::int64_t kIn = 384;
    constexpr std::int64_t kOut = 1024;
    const OpInputSpec x{{kTokens, kIn}, DType::f32};
    const OpInputSpec dy{{kTokens, kOut}, DType::f32};
    const OpInputSpec weight{{kOut, kIn}, DType::f32};
    Flops done{};
    Seconds took{};
    for (const auto& each : {measure(Linear{}, {x, weight}),
                             measure(LinearGradInput{.out_dtype = DType::f32}, {dy, weight}),
                             measure(LinearGradWeight{}, {x, dy, weight}, Phase::backward, {2})}) {
        done += each.work.matrix;
        took += each.time.median;
    }
    return done.count() / took.count();
}

double attention_rate() {
    constexpr std::int64_t kTokens = 512;
    const Attention op{.shape = {.batch = 2, .head_dim = 64, .value_dim = 64}};
    const OpInputSpec heads{{2 * kTokens, 6 * 64}, DType::f32};
    return measure(op, {heads, heads, heads}).matrix();
}

/// Bytes per second of a copy that no cache holds, read and written bytes both counted.
double copy_rate() { return measure(Cast{.to = DType::f32}, {{{48 * kMiB}, DType::f32}}).bytes(); }

double adamw_rate() {
    const OpInputSpec flat{{8 * kMiB}, DType::f32};
    return measure(Update{.decayed = 8 * kMiB}, {flat, flat, {{2}, DType::f32}, flat, flat},
                   Phase::update, {0, 3, 4})
        .bytes();
}

double vector_rate() {
    const Activate op{.kind = ActivationKind::silu, .gated = true};
    const OpInputSpec x{{512, 1024}, DType::f32};
    return measure(op, {x, x}).vector();
}

double latency() {
    return measure(Add{}, {{{4, 4}, DType::f32}, {{4, 4}, DType::f32}}).time.median.count();
}

double fraction(double part, double whole, double least) {
    return std::clamp(part / whole, least, 1.0);
}

}  // namespace

Json detect_processor(const std::string& id, const std::string& date) {
    constexpr double kTera = 1e12;
    const Bytes base = resident_set();
    const double large = std::max(product_peak(1024, DType::f32), product_peak(384, DType::f32));
    const double bf16 = std::min(product_peak(512, DType::bf16), large);
    const double fp16 = std::min(product_peak(512, DType::f16), large);
    const double copy = copy_rate();
    const MachineMemory memory = machine_memory();
    Json json{
        {"id", id},
        {"vendor", "CPU"},
        {"arch", processor_architecture()},
        {"memory_type", "host"},
        {"memory_capacity_gib",
         {{"expected", in_gib(memory.total)}, {"low", in_gib(memory.available)}}},
        {"context_mib",
         {{"low", base.real() / static_cast<double>(kMiB) * 0.5},
          {"expected", base.real() / static_cast<double>(kMiB)},
          {"high", base.real() / static_cast<double>(kMiB) * 2.0}}},
        {"memory_bandwidth_gb_s", copy / 1e9},
        {"peak_tflops", {{"fp32", large / kTera}, {"bf16", bf16 / kTera}, {"fp16", fp16 / kTera}}},
        {"gemm_fraction", fraction(layer_rate(), large, 0.01)},
        {"attention_fraction", fraction(attention_rate(), large, 0.01)},
        {"memory_fraction", fraction(adamw_rate(), copy, 0.01)},
        {"vector_fraction", fraction(vector_rate(), large, 1e-4)},
        {"link_fraction", 1},
        {"pcie_fraction", 1},
        {"nvlink_gb_s", 0},
        {"pcie_gb_s", 0},
        {"launch_latency_us", latency() * 1e6},
        {"link_latency_us", 0},
        {"network_latency_us", 0},
        {"tdp_w", 0},
        {"confidence", "medium"},
        {"notes", fmt::format("{}; rates of headroom's own kernels", processor_name())},
        {"node",
         {{"id", id},
          {"gpus", 1},
          {"host_ram_gib", in_gib(memory.total)},
          {"nvme_capacity_tb", 0},
          {"nvme_read_gb_s", 0},
          {"nvme_write_gb_s", 0},
          {"network_gb_s", 0},
          {"nvlink_domain", 0},
          {"power_kw", 0}}}};
    const std::string measured = "measured on this machine by headroom hardware detect, " + date;
    for (const auto* key : {"memory_capacity_gib", "context_mib", "memory_bandwidth_gb_s",
                            "peak_tflops", "gemm_fraction", "attention_fraction", "memory_fraction",
                            "vector_fraction", "launch_latency_us"}) {
        json["sources"][key] = measured;
    }
    for (const auto* key : {"link_fraction", "pcie_fraction", "nvlink_gb_s", "pcie_gb_s",
                            "link_latency_us", "network_latency_us", "tdp_w"}) {
        json["sources"][key] = "a processor has none";
    }
    return json;
}

}  // namespace headroom
