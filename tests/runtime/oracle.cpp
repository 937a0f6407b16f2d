#include <string>

#include "planner/spec/names.h"
#include "runtime/data/peft_names.h"
#include "tests/runtime/oracle_run.h"

using namespace headroom;
using namespace headroom::test;

namespace {

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
