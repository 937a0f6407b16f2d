#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include "planner/base/freed_memory.h"
#include "planner/import/model_source.h"
#include "planner/search/choice.h"
#include "planner/search/rank.h"
#include "planner/search/search.h"

namespace {

using namespace headroom;

const HardwareCatalog& catalog() {
    static const HardwareCatalog kCatalog = HardwareCatalog::load(HEADROOM_PROFILES);
    return kCatalog;
}

/// GPT-3 175B (Brown et al. 2020, table 2.1).
ModelSpec gpt3() {
    ModelSpec model{.name = "GPT-3 175B",
                    .family = "gpt2",
                    .layers = 96,
                    .hidden = 12288,
                    .vocab = 51200,
                    .tied_embeddings = true};
    model.attention = {.heads = 96,
                       .kv_heads = 96,
                       .head_dim = 128,
                       .qkv_bias = true,
                       .out_bias = true,
                       .fused_qkv = true};
    model.ffn = {.width = 49152, .bias = true, .activation = ActivationKind::gelu_tanh};
    model.norm = NormKind::layer;
    model.norm_bias = true;
    model.position = PositionKind::learned;
    model.position_rows = 2048;
    return model;
}

SearchRequest space_of(ModelSpec model, const char* gpu, std::int64_t gpus, std::int64_t sequence) {
    SearchRequest request;
    request.base.model = std::move(model);
    request.base.hardware = {.gpu = gpu, .gpus = gpus, .profile = catalog().gpu(gpu, "")};
    request.base.train.sequence = sequence;
    return request;
}

SearchRequest llama70b() {
    return space_of(*load_model("meta-llama/Llama-3.1-70B", HEADROOM_PROFILES).spec, "h100", 1024,
                    8192);
}

void report(benchmark::State& state, const SearchResult& result) {
    state.counters["space"] = static_cast<double>(result.space);
    state.counters["bounded"] = static_cast<double>(result.bounded);
    state.counters["evaluated"] = static_cast<double>(result.evaluated);
    state.counters["lowered"] = static_cast<double>(result.lowered);
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    state.counters["rss_MiB"] = static_cast<double>(usage.ru_maxrss) / 1024.0;
    if (result.best) state.counters["mfu"] = result.best->predicted.cost.mfu;
}

void search_space(benchmark::State& state, const SearchRequest& request) {
    SearchResult result;
    for (auto _ : state) result = search(request);
    report(state, result);
}

void SearchLlama70bOn1024H100(benchmark::State& state) { search_space(state, llama70b()); }
BENCHMARK(SearchLlama70bOn1024H100)->Unit(benchmark::kMillisecond)->UseRealTime();

void SearchGpt3On64A100(benchmark::State& state) {
    search_space(state, space_of(gpt3(), "a100-80gb", 64, 2048));
}
BENCHMARK(SearchGpt3On64A100)->Unit(benchmark::kMillisecond)->UseRealTime();

/// Configurations whose memory and time are computed, on one core, profiles of their graphs at
/// hand.
void EvaluateConfigurations(benchmark::State& state) {
    const SearchRequest request = llama70b();
    const Space space = enumerate(request);
    const Ranker ranker(request);
    std::vector<KeyProfile> keys(space.keys.size());
    for (const auto& choice : space.choices) {
        auto& key = keys[static_cast<std::size_t>(choice.key)];
        if (!key.usable) key = key_profile(request, choice);
    }
    for (auto _ : state) {
        for (const auto& choice : space.choices) {
            benchmark::DoNotOptimize(
                ranker.score(choice, keys[static_cast<std::size_t>(choice.key)]));
        }
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(space.choices.size()) *
                            static_cast<std::int64_t>(state.iterations()));
}
BENCHMARK(EvaluateConfigurations)->Unit(benchmark::kMillisecond);

void EnumerateSpace(benchmark::State& state) {
    const SearchRequest request = llama70b();
    std::size_t size = 0;
    for (auto _ : state) size += enumerate(request).choices.size();
    state.SetItemsProcessed(static_cast<std::int64_t>(size));
}
BENCHMARK(EnumerateSpace)->Unit(benchmark::kMillisecond);

void ProfileOneGraphKey(benchmark::State& state) {
    const SearchRequest request = llama70b();
    const Choice choice{.gpus = 1024, .data = 128, .tensor = 8};
    for (auto _ : state) benchmark::DoNotOptimize(key_profile(request, choice));
}
BENCHMARK(ProfileOneGraphKey)->Unit(benchmark::kMicrosecond);

PlanRequest llama405b() {
    PlanRequest request;
    request.model = *load_model("meta-llama/Llama-3.1-405B", HEADROOM_PROFILES).spec;
    request.hardware = {.gpu = "h100", .gpus = 128, .profile = catalog().gpu("h100", "")};
    request.layout = {.data = 128, .zero = 3};
    request.recompute.mode = RecomputeMode::layer;
    return request;
}

void PredictLlama405b(benchmark::State& state) {
    const PlanRequest request = llama405b();
    for (auto _ : state) benchmark::DoNotOptimize(predict(request));
}
BENCHMARK(PredictLlama405b)->Unit(benchmark::kMillisecond);

void EstimateLlama405b(benchmark::State& state) {
    const PlanRequest request = llama405b();
    for (auto _ : state) benchmark::DoNotOptimize(estimate(request));
}
BENCHMARK(EstimateLlama405b)->Unit(benchmark::kMicrosecond);

}  // namespace

/// As the window does it, whose every edit is such a prediction.
int main(int argc, char** argv) {
    headroom::keep_freed_memory();
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}
