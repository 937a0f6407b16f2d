#pragma once

#include <memory>
#include <vector>

#include "planner/lower/lower.h"
#include "runtime/executor.h"
#include "runtime/training.h"
#include "runtime/weights.h"
#include "tests/support/requests.h"

namespace headroom::test {

/// A small model on this process's memory.
inline ModelSpec tiny_llama(std::int64_t layers = 2) {
    ModelSpec model{.name = "tiny", .family = "llama", .layers = layers, .hidden = 32, .vocab = 64};
    model.attention = {.heads = 4, .kv_heads = 2, .head_dim = 8};
    model.ffn = {.width = 48, .gated = true};
    return model;
}

inline PlanRequest tiny_request(ModelSpec model = tiny_llama()) {
    PlanRequest request = request_for(std::move(model), 16);
    request.train.micro_batch = 2;
    request.train.compute = request.train.gradient = DType::f32;
    request.hardware.profile.vendor = kCpuVendor;
    request.hardware.gpus = 1;
    return request;
}

/// A request lowered, given weights and synthetic tokens, ready to take steps.
class TinyRun {
public:
    explicit TinyRun(PlanRequest request, ExecutorOptions options = {.poison = Poison::on},
                     Hyperparameters hyper = {.learning_rate = 1e-2},
                     std::unique_ptr<Backend> backend = make_cpu_backend())
        : request_(std::move(request)),
          graph_(lower(request_, stage_of(request_, 0)).graph),
          backend_(std::move(backend)),
          executor_(graph_, *backend_, options),
          weights_(executor_, request_.prune),
          source_(TokenSource::synthetic(request_.model.vocab, 3)),
          batches_(source_, {.batch = request_.train.micro_batch,
                             .sequence = request_.train.sequence / request_.layout.context,
                             .micro_steps = request_.train.accumulation,
                             .vocabulary = request_.model.vocab}),
          trainer_(executor_, batches_, hyper, 7) {
        initialize(weights_, graph_, 5);
    }

    std::vector<double> train(int steps) {
        std::vector<double> losses;
        for (int i = 0; i < steps; ++i) losses.push_back(trainer_.step().loss);
        return losses;
    }
    /// Every parameter's numbers, one after the other.
    std::vector<float> parameters() {
        std::vector<float> all;
        for (const auto& home : weights_.homes()) {
            const auto values = weights_.read(home);
            all.insert(all.end(), values.begin(), values.end());
        }
        return all;
    }
    [[nodiscard]] const StepGraph& graph() const { return graph_; }
    [[nodiscard]] Executor& executor() { return executor_; }
    [[nodiscard]] Trainer& trainer() { return trainer_; }
    [[nodiscard]] Backend& backend() { return *backend_; }

private:
    PlanRequest request_;
    StepGraph graph_;
    std::unique_ptr<Backend> backend_;
    Executor executor_;
    Weights weights_;
    TokenSource source_;
    TokenBatches batches_;
    Trainer trainer_;
};

}  // namespace headroom::test
