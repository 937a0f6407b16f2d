#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "planner/base/json.h"
#include "planner/spec/names.h"
#include "runtime/backend.h"
#include "runtime/data/peft_names.h"
#include "runtime/data/stored_order.h"
#include "runtime/data/weight_transfer.h"
#include "runtime/executor.h"
#include "runtime/training.h"
#include "runtime/weights.h"
#include "tests/import/safetensors_bytes.h"
#include "tests/runtime/oracle_files.h"
#include "tests/support/catch.h"

using namespace headroom;
using namespace headroom::test;

namespace {

constexpr double kTolerance = 1e-5;

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

double norm(const std::vector<float>& values) {
    double sum = 0.0;
    for (const float value : values) sum += static_cast<double>(value) * value;
    return std::sqrt(sum);
}

/// Rows of a learned position table that come before position 0.
std::int64_t first_position(const ModelSpec& model) {
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
          weights_(executor_) {
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
std::vector<float> piece_of(const std::vector<float>& values, const WeightPiece& piece,
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
int compare(const std::string& prefix, const std::vector<WeightSource>& sources,
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

int stored_under(const Oracle& oracle, const std::string& prefix) {
    int count = 0;
    for (const auto& [name, weight] : oracle.files.all()) count += name.starts_with(prefix) ? 1 : 0;
    return count;
}

void check_losses(const std::vector<double>& ours, const std::vector<double>& expected) {
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
constexpr std::array kWays{Way{LossKind::chunked, AttentionImpl::flash},
                           Way{LossKind::fused, AttentionImpl::eager},
                           Way{LossKind::unfused, AttentionImpl::flash}};

/// Steps that are compared: all of the oracle's one way, the gradients of one the other ways.
std::size_t steps_of(const Way& way, const Oracle& oracle) {
    return way.loss == kWays[0].loss ? oracle.losses.size() : 1;
}

PlanRequest request_of(const ModelSpec& model, const Way& way) {
    PlanRequest request = oracle_request(model);
    request.hardware.profile.vendor = std::string(kCpuVendor);
    request.train.loss = way.loss;
    request.train.loss_chunk = 7;
    request.train.attention = way.attention;
    request.train.aux_loss = 0.0;
    return request;
}

void check_model(const std::string& folder) {
    const Oracle oracle(folder);
    const ModelSpec model = oracle_model(folder);
    const WeightFiles files(kOracle / folder);
    for (const auto& way : kWays) {
        INFO(folder << ", loss " << static_cast<int>(way.loss) << ", attention "
                    << static_cast<int>(way.attention));
        Run run(request_of(model, way), folder, oracle);
        const auto sources = weight_sources(run.graph(), model, stored_names(files));
        check_weights(sources, run.graph(), model, files);
        run.load(sources, files);
        check_losses(run.train(steps_of(way, oracle)), oracle.losses);
        const int gradients = compare("gradient/", sources, oracle, model.attention, kTolerance,
                                      [&](TensorId id) { return run.gradient(id); });
        CHECK(gradients == stored_under(oracle, "gradient/"));
    }
}

/// The codes of the first step: those of a later one hang on the last bit of a group's largest
/// weight.
void check_qat(const std::string& folder) {
    const Oracle oracle(folder);
    const auto base = oracle.document.at("base").get<std::string>();
    const ModelSpec model = oracle_model(base);
    const WeightFiles files(kOracle / base);
    for (const auto& way : kWays) {
        INFO(folder << ", loss " << static_cast<int>(way.loss));
        PlanRequest request = request_of(model, way);
        request.qat = {
            .weights = *named<QatType>(oracle.document.at("weights").get<std::string>()),
            .group = oracle.document.at("group"),
            .activations = *named<QatType>(oracle.document.at("activations").get<std::string>())};
        Run run(request, folder, oracle);
        const auto sources = weight_sources(run.graph(), model, stored_names(files));
        run.load(sources, files);
        check_losses(run.train(1), oracle.losses);
        const int gradients = compare("gradient/", sources, oracle, model.attention, kTolerance,
                                      [&](TensorId id) { return run.gradient(id); });
        CHECK(gradients == stored_under(oracle, "gradient/"));
    }
}

/// Ten steps of a student, whose teacher is of another family.
void check_taught(const std::string& folder) {
    const Oracle oracle(folder);
    const auto base = oracle.document.at("base").get<std::string>();
    const auto shown = oracle.document.at("teacher").get<std::string>();
    const ModelSpec model = oracle_model(base);
    const ModelSpec teacher = oracle_model(shown);
    const WeightFiles files(kOracle / base);
    const WeightFiles teacher_files(kOracle / shown);
    for (const auto attention : {AttentionImpl::flash, AttentionImpl::eager}) {
        const Way way{LossKind::chunked, attention};  // the only loss with a teacher
        INFO(folder << ", attention " << static_cast<int>(attention));
        PlanRequest request = request_of(model, way);
        request.distill = {.teacher = teacher,
                           .temperature = oracle.document.at("temperature"),
                           .weight = oracle.document.at("weight")};
        Run run(request, folder, oracle);
        const auto sources = weight_sources(run.graph(), model, stored_names(files));
        const auto taught =
            weight_sources(run.graph(), teacher, stored_names(teacher_files), Subject::teacher);
        check_weights(sources, run.graph(), model, files);
        check_weights(taught, run.graph(), teacher, teacher_files);
        run.load(sources, files);
        run.load(taught, teacher_files, teacher.attention);
        check_losses(run.train(steps_of(way, oracle)), oracle.losses);
        const int gradients = compare("gradient/", sources, oracle, model.attention, kTolerance,
                                      [&](TensorId id) { return run.gradient(id); });
        CHECK(gradients == stored_under(oracle, "gradient/"));
    }
}

void check_adapter(const std::string& folder) {
    const Oracle oracle(folder);
    const auto base = oracle.document.at("base").get<std::string>();
    const ModelSpec model = oracle_model(base);
    const WeightFiles files(kOracle / base);
    const WeightFiles adapter(kOracle / folder);
    const Json config = read_json_file(kOracle / folder / "adapter_config.json");
    for (const auto& way : kWays) {
        INFO(folder << ", loss " << static_cast<int>(way.loss));
        PlanRequest request = request_of(model, way);
        request.train.goal = Goal::adapt;
        request.adapter = adapter_from_config(JsonCursor(config, "adapter_config.json"), model);
        Run run(request, folder, oracle);
        run.load(weight_sources(run.graph(), model, stored_names(files)), files);
        const auto sources = adapter_sources(run.graph(), model);
        run.load(sources, adapter);
        check_losses(run.train(steps_of(way, oracle)), oracle.losses);
        const int gradients = compare("gradient/", sources, oracle, model.attention, kTolerance,
                                      [&](TensorId id) { return run.gradient(id); });
        CHECK(gradients == stored_under(oracle, "gradient/"));
    }
}

}  // namespace

TEST_CASE("LlamaLossesAndGradientsAreTransformers") { check_model("llama"); }
TEST_CASE("Qwen2LossesAndGradientsAreTransformers") { check_model("qwen2"); }
TEST_CASE("Qwen3LossesAndGradientsAreTransformers") { check_model("qwen3"); }
TEST_CASE("GemmaLossesAndGradientsAreTransformers") { check_model("gemma"); }
TEST_CASE("Gemma2LossesAndGradientsAreTransformers") { check_model("gemma2"); }
TEST_CASE("Gemma3LossesAndGradientsAreTransformers") { check_model("gemma3"); }
TEST_CASE("Gpt2LossesAndGradientsAreTransformers") { check_model("gpt2"); }
TEST_CASE("MistralsWindowIsTransformers") { check_model("mistral"); }
TEST_CASE("Llama3RopeIsTransformers") { check_model("llama3-rope"); }
TEST_CASE("YarnRopeIsTransformers") { check_model("yarn-rope"); }
TEST_CASE("LinearRopeIsTransformers") { check_model("linear-rope"); }
TEST_CASE("Phi3LossesAndGradientsAreTransformers") { check_model("phi3"); }
TEST_CASE("Olmo2LossesAndGradientsAreTransformers") { check_model("olmo2"); }
TEST_CASE("GraniteLossesAndGradientsAreTransformers") { check_model("granite"); }
TEST_CASE("GptNeoxLossesAndGradientsAreTransformers") { check_model("gpt_neox"); }
TEST_CASE("OptLossesAndGradientsAreTransformers") { check_model("opt"); }
TEST_CASE("OptWithNormsAfterwardsIsTransformers") { check_model("opt-post"); }
TEST_CASE("BloomLossesAndGradientsAreTransformers") { check_model("bloom"); }
TEST_CASE("FalconLossesAndGradientsAreTransformers") { check_model("falcon"); }
TEST_CASE("NewFalconLossesAndGradientsAreTransformers") { check_model("falcon-new"); }
TEST_CASE("MixtralLossesAndGradientsAreTransformers") { check_model("mixtral"); }
TEST_CASE("Qwen2MoeLossesAndGradientsAreTransformers") { check_model("qwen2_moe"); }
TEST_CASE("Qwen3MoeLossesAndGradientsAreTransformers") { check_model("qwen3_moe"); }
TEST_CASE("LoraGradientsArePefts") { check_adapter("llama-lora"); }
TEST_CASE("DoraGradientsArePefts") { check_adapter("llama-dora"); }
TEST_CASE("DoraOverBiasesIsPefts") { check_adapter("qwen2-dora"); }
TEST_CASE("LoraOnAFusedMatrixIsPefts") { check_adapter("gpt2-lora"); }

TEST_CASE("RoundedWeightsGradientsAreTorchaos") { check_qat("llama-qat"); }
TEST_CASE("RoundedActivationsGradientsAreTorchaos") { check_qat("llama-qat-activations"); }

TEST_CASE("AStudentOfGemma2LosesAsInPyTorch") { check_taught("llama-taught"); }
TEST_CASE("AStudentOfQwen2LosesAsInPyTorch") { check_taught("gpt2-taught"); }

TEST_CASE("WeightsAfterTenStepsAreTorchs") {
    for (const std::string folder : {"llama", "gpt2", "gemma"}) {
        INFO(folder);
        const Oracle oracle(folder);
        const ModelSpec model = oracle_model(folder);
        const WeightFiles files(kOracle / folder);
        Run run(request_of(model, kWays[0]), folder, oracle);
        const auto sources = weight_sources(run.graph(), model, stored_names(files));
        run.load(sources, files);
        run.train(oracle.losses.size() - 1);
        // Where a gradient is next to nothing, its rounding decides the direction of a step.
        CHECK(compare("final/", sources, oracle, model.attention, 1e-4,
                      [&](TensorId id) { return run.weight(id); }) == 3);
    }
}
