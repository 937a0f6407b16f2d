#pragma once

#include <optional>

#include "runtime/cli/run_plan.h"
#include "runtime/executor.h"
#include "runtime/training.h"

namespace headroom::run {

/// Where a run goes on.
struct Resumed {
    TrainerState state{};
    std::string tokens{};  ///< description of the tokens that it has read so far
};

/// The checkpoints of one run: what its steps write and keep (parameters, masters and optimizer
/// states, byte for byte). Weights that no step writes, an adapter's base say, are not in them; a
/// fingerprint tells whether those of a resumed run are the same.
class Checkpoints {
public:
    Checkpoints(const RunOptions& options, const RunPlan& run, Executor& executor);

    /// Writes `options.checkpoint`.
    void save(const std::string& tokens, const TrainerState& state);
    /// Puts back what `options.resume` holds. Throws InputError when that is of another step, of
    /// another seed or on other frozen weights.
    Resumed load();

private:
    [[nodiscard]] std::span<const std::byte> bytes_of(TensorId id);
    /// Of the frozen weights as they are on the device; empty where there are none.
    const std::string& frozen();

    const RunOptions& options_;
    const RunPlan& run_;
    Executor& executor_;
    std::vector<TensorId> saved_{};
    std::vector<TensorId> frozen_{};
    std::optional<std::string> fingerprint_{};
    std::vector<std::byte> bytes_{};  ///< of one tensor
};

}  // namespace headroom::run
