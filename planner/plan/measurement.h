#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "planner/base/json_fwd.h"
#include "planner/step/lifetime.h"

namespace headroom {

/// Memory of a device or host as one moment of a run saw it.
struct MeasuredStage {
    std::string stage{};  ///< "start", "context", "libraries", "arena", "first step", "last step"
    Bytes process{};      ///< of this process as the driver (CPU: the kernel) counts it; 0: unknown
    Bytes free{};
    Bytes total{};
};

/// The largest sum of living bytes in one place, as the executor's own count of readers has it.
struct MeasuredMemory {
    RoleBytes by_role{};
    Bytes total{};
    Bytes block{};          ///< the one block they lie in; 0: one allocation a tensor
    Bytes top{};            ///< highest byte of the block that was in use
    std::string peak_op{};  ///< "attention_grad"
    std::string peak_phase{};
    std::int32_t peak_layer = -1;
};

/// Work and time of one phase of a step.
struct MeasuredPhase {
    std::string phase{};  ///< forward, backward, update
    Flops matrix{};       ///< executed by one step of this rank
    Flops vector{};
    Flops padding{};  ///< of tensor cores, where whole tiles reach beyond the matrices
    Seconds time{};   ///< median over the timed steps
};

/// All ops of one kind in one phase.
struct MeasuredOp {
    std::string op{};
    std::string phase{};
    std::int64_t count = 0;  ///< in one step
    Flops matrix{};          ///< of one step
    Bytes moved{};           ///< operands read and written by one step, as declared
    Seconds time{};          ///< of one step
};

struct MeasuredStep {
    double loss = 0.0;
    double gradient_norm = 0.0;
    double loss_scale = 1.0;
    bool skipped = false;
    Seconds time{};
};

/// What happened when a plan was run.
struct Measurement {
    std::string digest{};   ///< of the lowered step that ran
    std::string backend{};  ///< "cpu" or "cuda"
    std::string device{};   ///< processor or GPU, driver, libraries: one line
    std::string date{};     ///< UTC, "2026-11-23T22:10:00Z"
    std::string version{};  ///< of the program
    std::string data{};     ///< where tokens came from
    std::string policy{};   ///< "planned" or "per-tensor"
    std::int64_t rank = 0;
    std::int64_t ranks = 1;
    bool interrupted = false;
    MeasuredMemory device_memory{};
    MeasuredMemory host_memory{};
    std::vector<MeasuredStage> stages{};
    std::string flops_method{};  ///< how `phases` were counted
    std::string
        counter_method{};   ///< the GPU's counters behind counter_flops, or why there are none
    Flops counter_flops{};  ///< matrix work of a step by the GPU's counters; 0: not read
    std::vector<MeasuredPhase> phases{};
    std::vector<MeasuredOp> ops{};
    std::vector<MeasuredStep> steps{};
    std::int64_t tokens_per_step = 0;       ///< of this rank
    Seconds step{};                         ///< median, the first left out where there are more
    Seconds executor_overhead{};            ///< a step's time outside kernels, an op
    std::vector<std::string> algorithms{};  ///< chosen by the matrix library, a line a shape
    std::vector<std::string> notes{};

    [[nodiscard]] double tokens_per_second() const {
        return step.count() > 0.0 ? static_cast<double>(tokens_per_step) / step.count() : 0.0;
    }
};

Json to_json(const Measurement& measurement);
/// Throws InputError with a pointer: unknown keys, types, limits.
Measurement measurement_from_json(const JsonCursor& json);
/// Whether a document says that it is a measurement.
bool is_measurement(const Json& document);

}  // namespace headroom
