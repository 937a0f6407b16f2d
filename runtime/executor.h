#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/arena.h"

namespace headroom {

/// recorded: ops that run one after the other are launched one by one the first time, recorded (a
/// CUDA graph) the second and replayed from then on. Only what keeps its addresses and needs no
/// answer of the device can be: other steps, and those that somebody observes, are launched as
/// ever.
enum class Launches { direct, recorded };

struct ExecutorOptions {
    MemoryPolicy policy = MemoryPolicy::planned;
    Poison poison = Poison::off;
    Launches launches = Launches::direct;
};

/// Called right before and after the kernel of every op, with the op's index in the graph.
struct OpObserver {
    std::function<void(std::size_t)> before{};
    std::function<void(std::size_t)> after{};
};

/// Runs a StepGraph on a backend, op by op. It counts for itself who still reads a storage: one is
/// born at the first op of a micro-step that touches it and goes after the last.
class Executor {
public:
    /// Names every op without a kernel before anything is allocated (InputError). Persistent
    /// storages are allocated and zeroed.
    Executor(const StepGraph& graph, Backend& backend, ExecutorOptions options = {});

    [[nodiscard]] const StepGraph& graph() const { return graph_; }
    [[nodiscard]] Backend& backend() { return backend_; }
    [[nodiscard]] const Arena& arena() const { return arena_; }

    /// Sets what the kernels are told; the loss sums start at zero.
    void begin_step(const StepScalars& scalars);
    /// Forward and backward of micro-step `index` of the graph's.
    void micro_step(std::int64_t index);
    void update();
    /// The step's scalars with the losses summed so far.
    [[nodiscard]] StepScalars scalars();

    /// Bytes of a tensor that is alive: a view is one row after the other.
    void write(TensorId id, std::span<const std::byte> bytes);
    void read(TensorId id, std::span<std::byte> bytes);
    [[nodiscard]] TensorView view(TensorId id) const;

    void observe(OpObserver observer) { observer_ = std::move(observer); }

private:
    /// Ops that run one after the other, and how many of them touch each storage.
    struct Segment {
        std::vector<std::uint32_t> ops{};
        std::vector<std::int32_t> readers{};  ///< by storage index
        bool launched = false;                ///< once, one by one
        int recording = -1;                   ///< the backend's handle
    };
    enum class Kernels { launched, replayed };
    enum class MicroStep { only, first, middle, last };

    static void bind_or_throw(const StepGraph& graph, const Backend& backend);
    Segment& segment(MicroStep which) { return segments_[static_cast<std::size_t>(which)]; }
    [[nodiscard]] Segment make_segment(MicroStep which) const;
    void run(Segment& segment, bool first_micro_step);
    void record(Segment& segment, bool first_micro_step);
    void run_ops(const Segment& segment, bool first_micro_step, Kernels kernels);
    void launch(std::size_t at, bool first_micro_step);

    const StepGraph& graph_;
    Backend& backend_;
    Arena arena_;
    TensorId scalars_{};
    TensorId workspace_{};
    std::vector<std::vector<TensorId>> touched_;  ///< by op: its storages, each once
    std::array<Segment, 4> segments_{};
    Segment update_{};
    bool records_ = false;
    std::vector<std::int32_t> readers_{};  ///< left in the segment that runs
    std::vector<TensorView> views_{};      ///< of the op that runs
    OpObserver observer_{};
};

/// Whether all its ops can be recorded: products of experts ask the device how many rows each has.
bool can_be_recorded(const StepGraph& graph);

/// One sentence that names every kind of op of the graph that `table` cannot run; empty: none.
std::string missing_kernels(const StepGraph& graph, const KernelTable& table);

}  // namespace headroom
