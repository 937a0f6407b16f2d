#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "planner/base/json.h"
#include "runtime/backend.h"
#include "runtime/data/stored_order.h"
#include "runtime/data/weight_transfer.h"
#include "runtime/executor.h"
#include "runtime/training.h"
#include "runtime/weights.h"
#include "tests/import/safetensors_bytes.h"
#include "tests/runtime/oracle_files.h"
#include "tests/support/catch.h"

// A model of tests/golden/oracle, run, and its numbers beside those of the library that made it.

namespace headroom::test {

inline constexpr double kTolerance = 1e-5;

/// What transformers, PEFT and torch computed.
struct Oracle {
    explicit Oracle(const std::string& folder)
        : files(kOracle / folder / "oracle.safetensors"),
          document(read_json_file(kOracle / folder / "oracle.json")),
          losses(document.at("losses").get<std::vector<double>>()) {}

    [[nodiscard]] Hyperparameters hyper() const {
        const Json& adamw = document.at("adamw");
        return {.learning_rate = adamw.at("learning_rate"),
                .beta1 = adamw.at("beta1"),
                .beta2 = adamw.at("beta2"),
                .epsilon = adamw.at("epsilon"),
                .weight_decay = adamw.at("weight_decay"),
                .clip = adamw.at("clip")};
    }
    /// The micro-batch as one row of tokens, each the target of the one before.
    [[nodiscard]] std::string row() const {
        std::vector<std::uint16_t> row = ids("tokens");
        row.push_back(ids("targets").back());
        return {reinterpret_cast<const char*>(row.data()), row.size() * sizeof(row[0])};
    }

    WeightFiles files;
    Json document;
    std::vector<double> losses;

private:
    [[nodiscard]] std::vector<std::uint16_t> ids(const std::string& name) const {
        const auto* found = files.find(name);
        REQUIRE(found != nullptr);
        const auto bytes = found->file->bytes(*found->tensor);
        std::vector<std::uint16_t> out;
        for (std::size_t i = 0; i < bytes.size(); i += 4) {
            out.push_back(std::to_integer<std::uint16_t>(bytes[i]));
        }
        return out;
    }
};

inline double norm(const std::vector<float>& values) {
    double sum = 0.0;
    for (const float value : values) sum += static_cast<double>(value) * value;
    return std::sqrt(sum);
}

/// Rows of a learned position table that come before position 0.
inline std::int64_t first_position(const ModelSpec& model) {
    return model.position == PositionKind::learned ? model.position_rows - model.max_positions : 0;
}

/// Some model, its weights loaded, ready to take steps over the oracle's batch.
class Run {
public:
    Run(const PlanRequest& request, const std::string& folder, const Oracle& oracle)
        : request_(request),
          data_(folder),
          graph_(graph_of(request)),
          backend_(make_cpu_backend()),
          executor_(graph_, *backend_, {.poison = Poison::on}),
          weights_(executor_, request.prune) {
        data_.write("tokens.bin", oracle.row());
        source_ = std::make_unique<TokenSource>(data_.path("tokens.bin"));
        batches_ = std::make_unique<TokenBatches>(
            *source_, BatchSpec{.batch = kOracleBatch,
                                .sequence = kOracleSequence,
                                .vocabulary = request.model.vocab,
                                .first_position = first_position(request.model)});
        trainer_ = std::make_unique<Trainer>(executor_, *batches_, oracle.hyper(), 1);
    }

    void load(const std::vector<WeightSource>& sources, const WeightFiles& files) {
        load(sources, files, request_.model.attention);
    }
    void load(const std::vector<WeightSource>& sources, const WeightFiles& files,
              const AttentionSpec& attention) {
        for (const auto& source : sources) {
            std::vector<float> values(
                static_cast<std::size_t>(numel(graph_[source.parameter].shape)));
            read_weight(source, {graph_[source.parameter].shape, DType::f32}, attention, files,
                        std::as_writable_bytes(std::span(values)));
            weights_.write(home(source.parameter), values);
        }
    }

    /// Losses of the steps.
    std::vector<double> train(std::size_t steps) {
        std::vector<double> losses;
        trainer_->before_update([&] {
            if (gradients_.empty()) gradients_ = gradients();
        });
        for (std::size_t i = 0; i < steps; ++i) losses.push_back(trainer_->step().loss);
        return losses;
    }

    /// Gradients of the first step.
    [[nodiscard]] const std::vector<float>& gradient(TensorId parameter) const {
        return gradients_.at(parameter.index);
    }
    [[nodiscard]] std::vector<float> weight(TensorId parameter) {
        return weights_.read(home(parameter));
    }
    [[nodiscard]] const StepGraph& graph() const { return graph_; }

private:
    [[nodiscard]] const ParameterHome& home(TensorId parameter) const {
        return *std::ranges::find(weights_.homes(), parameter, &ParameterHome::parameter);
    }

    std::map<std::int32_t, std::vector<float>> gradients() {
        std::map<std::int32_t, std::vector<float>> out;
        for (const auto& one : weights_.homes()) {
            const TensorId id = graph_[one.parameter].parameter.gradient;
            if (!id.valid()) continue;
            auto& values = out[one.parameter.index];
            values.resize(static_cast<std::size_t>(numel(graph_[id].shape)));
            executor_.read(id, std::as_writable_bytes(std::span(values)));
        }
        return out;
    }

    PlanRequest request_;
    TemporaryFolder data_;
    StepGraph graph_;
    std::unique_ptr<Backend> backend_;
    Executor executor_;
    Weights weights_;
    std::unique_ptr<TokenSource> source_{};
    std::unique_ptr<TokenBatches> batches_{};
    std::unique_ptr<Trainer> trainer_{};
    std::map<std::int32_t, std::vector<float>> gradients_{};
};

/// A piece of a parameter's numbers in the order of its file.
inline std::vector<float> piece_of(const std::vector<float>& values, const WeightPiece& piece,
                                   const AttentionSpec& attention) {
    const auto count = static_cast<std::size_t>(numel(piece.shape));
    const auto part = std::span(values).subspan(static_cast<std::size_t>(piece.first), count);
    std::vector<float> out(count);
    to_stored_order(piece, attention, sizeof(float), std::as_bytes(part),
                    std::as_writable_bytes(std::span(out)));
    return out;
}

/// Compares what the oracle holds under `prefix` with ours; returns how many tensors it was.
template <class Ours>
inline int compare(const std::string& prefix, const std::vector<WeightSource>& sources,
                   const Oracle& oracle, const AttentionSpec& attention, double tolerance,
                   const Ours& ours) {
    double largest = 0.0;
    for (const auto& [name, weight] : oracle.files.all()) {
        if (name.starts_with(prefix))
            largest = std::max(largest, norm(floats_of(oracle.files, name)));
    }
    int compared = 0;
    for (const auto& source : sources) {
        for (const auto& piece : source.pieces) {
            if (oracle.files.find(prefix + piece.tensor) == nullptr) continue;
            const auto expected = floats_of(oracle.files, prefix + piece.tensor);
            auto difference = piece_of(ours(source.parameter), piece, attention);
            REQUIRE(difference.size() == expected.size());
            for (std::size_t i = 0; i < expected.size(); ++i) difference[i] -= expected[i];
            INFO(prefix << piece.tensor);
            // A gradient that is nothing but rounding (of a key's bias) is compared with the
            // others.
            CHECK(norm(difference) <= tolerance * std::max(norm(expected), 0.1 * largest));
            ++compared;
        }
    }
    return compared;
}

inline int stored_under(const Oracle& oracle, const std::string& prefix) {
    int count = 0;
    for (const auto& [name, weight] : oracle.files.all()) count += name.starts_with(prefix) ? 1 : 0;
    return count;
}

inline void check_losses(const std::vector<double>& ours, const std::vector<double>& expected) {
    REQUIRE(ours.size() <= expected.size());
    for (std::size_t i = 0; i < ours.size(); ++i) {
        INFO("step " << i);
        CHECK(ours[i] == Approx(expected[i]).epsilon(kTolerance));
    }
}

/// Two ways through the same mathematics.
struct Way {
    LossKind loss;
    AttentionImpl attention;
};
inline constexpr std::array kWays{Way{LossKind::chunked, AttentionImpl::flash},
                                  Way{LossKind::fused, AttentionImpl::eager},
                                  Way{LossKind::unfused, AttentionImpl::flash}};

/// Steps that are compared: all of the oracle's one way, the gradients of one the other ways.
inline std::size_t steps_of(const Way& way, const Oracle& oracle) {
    return way.loss == kWays[0].loss ? oracle.losses.size() : 1;
}

inline PlanRequest request_of(const ModelSpec& model, const Way& way) {
    PlanRequest request = oracle_request(model);
    request.hardware.profile.vendor = std::string(kCpuVendor);
    request.train.loss = way.loss;
    request.train.loss_chunk = 7;
    request.train.attention = way.attention;
    request.train.aux_loss = 0.0;
    return request;
}

}  // namespace headroom::test
