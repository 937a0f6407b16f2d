#pragma once

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <vector>

#include "planner/spec/hyperparameters.h"
#include "runtime/data/token_batches.h"
#include "runtime/executor.h"

namespace headroom {

/// At step `step`, from 0.
double learning_rate(const Hyperparameters& hyper, std::int64_t step);

/// Dynamic loss scaling, as torch.amp.GradScaler has it: the scale is multiplied by `growth` after
/// `interval` good steps and by `backoff` after a step whose gradient overflowed.
struct LossScaler {
    double scale = 65536.0;
    double growth = 2.0;
    double backoff = 0.5;
    std::int64_t interval = 2000;
    std::int64_t good_steps = 0;

    void after_step(bool overflowed);
};

struct StepReport {
    std::int64_t step = 0;   ///< from 0
    double loss = 0.0;       ///< nats a token, mean over the step
    double auxiliary = 0.0;  ///< router losses, mean over micro-steps
    double gradient_norm = 0.0;
    double learning_rate = 0.0;
    double loss_scale = 1.0;
    bool skipped = false;  ///< the gradient overflowed: nothing was updated
    Seconds time{};
};

/// Everything that a run needs to go on where it was, besides the tensors.
struct TrainerState {
    std::int64_t step = 0;     ///< next
    std::int64_t updates = 0;  ///< made so far: skipped steps are none
    LossScaler scaler{};
};

/// The loss is not a number any more.
class NotFinite : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Feeds micro-batches to an executor and drives its steps.
class Trainer {
public:
    /// `f16`: the loss is scaled and steps that overflow are skipped.
    Trainer(Executor& executor, const TokenBatches& batches, const Hyperparameters& hyper,
            std::uint32_t seed);

    /// One optimizer step. Throws NotFinite when loss or gradient stop being numbers (under loss
    /// scaling only when the scale has nothing left to give).
    StepReport step();
    [[nodiscard]] const TrainerState& state() const { return state_; }
    void resume(const TrainerState& state) { state_ = state; }
    /// Called after a step's last micro-step and before its update.
    void before_update(std::function<void()> call) { before_update_ = std::move(call); }

private:
    [[nodiscard]] StepScalars scalars() const;
    void feed(std::int64_t micro_step);
    [[nodiscard]] std::vector<float> gradient_sums();

    Executor& executor_;
    const TokenBatches& batches_;
    Hyperparameters hyper_;
    std::uint32_t seed_;
    bool scales_loss_ = false;
    std::int64_t tokens_ = 0;               ///< targets of a micro-step
    std::vector<TensorId> token_inputs_{};  ///< tokens, decoder tokens
    TensorId targets_{};
    TensorId sums_{};
    TrainerState state_{};
    std::function<void()> before_update_{};
};

}  // namespace headroom
