#include "runtime/pruning.h"

#include <algorithm>
#include <cmath>

#include "planner/spec/names.h"
#include "tests/runtime/oracle_run.h"
#include "tests/support/tiny_run.h"

using namespace headroom;
using namespace headroom::test;

namespace {

constexpr PruneSpec kFours{.pattern = PrunePattern::two_of_four};
PruneSpec smallest(double sparsity) {
    return {.pattern = PrunePattern::unstructured, .sparsity = sparsity};
}

std::vector<float> numbers(std::size_t count) {
    std::vector<float> out;
    for (std::size_t i = 0; i < count; ++i) {
        out.push_back(static_cast<float>(std::sin(0.7 * static_cast<double>(i * i + 1))));
    }
    return out;
}

bool is_kept(const std::vector<std::byte>& mask, std::size_t i) {
    return (mask[i / 8] >> (i % 8) & std::byte{1}) != std::byte{0};
}

/// Ten steps of what PyTorch pruned by the same rule.
void check_pruned(const std::string& folder) {
    const Oracle oracle(folder);
    const auto base = oracle.document.at("base").get<std::string>();
    const ModelSpec model = oracle_model(base);
    const WeightFiles files(kOracle / base);
    for (const auto& way : kWays) {
        PlanRequest request = request_of(model, way);
        request.prune = {
            .pattern = *named<PrunePattern>(oracle.document.at("pattern").get<std::string>()),
            .sparsity = oracle.document.at("sparsity")};
        Run run(request, folder, oracle);
        const auto sources = weight_sources(run.graph(), model, stored_names(files));
        run.load(sources, files);
        check_losses(run.train(oracle.losses.size() - 1), oracle.losses);
        const int compared = compare("final/", sources, oracle, model.attention, 1e-4,
                                     [&](TensorId id) { return run.weight(id); });
        CHECK(compared == stored_under(oracle, "final/"));
        for (const auto& source : sources) {
            for (const auto& piece : source.pieces) {
                if (oracle.files.find("final/" + piece.tensor) == nullptr) continue;  // a bias
                const auto theirs = floats_of(oracle.files, "final/" + piece.tensor);
                const auto ours = piece_of(run.weight(source.parameter), piece, model.attention);
                INFO(piece.tensor);
                CHECK(std::ranges::equal(
                    ours, theirs, [](float a, float b) { return (a == 0.0F) == (b == 0.0F); }));
            }
        }
    }
}

std::vector<std::size_t> zeros(const std::vector<float>& values) {
    std::vector<std::size_t> at;
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (values[i] == 0.0F) at.push_back(i);
    }
    return at;
}

}  // namespace

TEST_CASE("PrunedModelsTrainAsPyTorchs") { check_pruned("gpt2-pruned"); }
TEST_CASE("ModelsPrunedTwoOfFourTrainAsPyTorchs") { check_pruned("llama-pruned-2-of-4"); }

TEST_CASE("PruningTakesOutTheSmallestAndSaysWhich") {
    for (const double sparsity : {0.1, 0.5, 0.9}) {
        auto matrix = numbers(13 * 17);
        const auto before = matrix;
        const auto mask = prune(matrix, {13, 17}, smallest(sparsity));
        std::size_t gone = 0;
        float largest_gone = 0.0F;
        float smallest_left = 2.0F;
        for (std::size_t i = 0; i < matrix.size(); ++i) {
            CHECK(matrix[i] == (is_kept(mask, i) ? before[i] : 0.0F));
            const float size = std::abs(before[i]);
            gone += is_kept(mask, i) ? 0 : 1;
            (is_kept(mask, i) ? smallest_left : largest_gone) =
                is_kept(mask, i) ? std::min(smallest_left, size) : std::max(largest_gone, size);
        }
        CHECK(gone == static_cast<std::size_t>(std::llround(sparsity * 13 * 17)));
        CHECK(largest_gone <= smallest_left);
        CHECK(is_kept(mask, 8 * mask.size() - 1));  // beyond the last
    }
}

TEST_CASE("OfEqualWeightsTheFirstGo") {
    std::vector<float> matrix{1, -1, 1, 1, -1, 1};
    prune(matrix, {2, 3}, smallest(0.5));
    CHECK(matrix == std::vector<float>{0, 0, 0, 1, -1, 1});
    std::vector<float> fours(6, 2.0F);
    prune(fours, {1, 6}, kFours);
    CHECK(fours == std::vector<float>{0, 0, 2, 2, 0, 2});
}

TEST_CASE("EveryExpertIsPrunedByItself") {
    // The second expert's weights are all larger than the first one's.
    std::vector<float> matrices{1, 2, 3, 4, 50, 60, 70, 80};
    prune(matrices, {2, 2, 2}, smallest(0.5));
    CHECK(matrices == std::vector<float>{0, 0, 3, 4, 0, 0, 70, 80});
}

TEST_CASE("PrunedWeightsStayZeroUnderEveryOptimizer") {
    for (const auto optimizer : {OptimizerKind::adamw, OptimizerKind::sgd, OptimizerKind::lion,
                                 OptimizerKind::adamw8bit}) {
        for (const auto compute : {DType::f32, DType::bf16}) {
            PlanRequest request = tiny_request(tiny_llama(2));
            request.train.optimizer = optimizer;
            request.train.compute = request.train.gradient = compute;
            request.train.master = false;
            request.prune = smallest(0.75);
            TinyRun run(request);
            const auto before = zeros(run.parameters());
            run.train(5);
            INFO(name(optimizer) << " in " << name(compute));
            const auto after = run.parameters();
            CHECK(std::ranges::all_of(before, [&](std::size_t i) { return after[i] == 0.0F; }));
            std::size_t matrices = 0;
            for (const auto& tensor : run.graph().tensors) {
                if (tensor.parameter.pruned)
                    matrices += static_cast<std::size_t>(numel(tensor.shape));
            }
            CHECK(4 * before.size() >= 3 * matrices);
        }
    }
}
