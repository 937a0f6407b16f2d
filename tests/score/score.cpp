#include "planner/score/score.h"

#include <chrono>

#include "planner/base/json.h"
#include "planner/score/score_page.h"
#include "planner/score/weak_scaling.h"
#include "tests/support/catch.h"

using namespace headroom;

namespace {

Library shipped_library() {
    Library library;
    library.profiles_root = HEADROOM_PROFILES;
    library.hardware = HardwareCatalog::load(library.profiles_root);
    return library;
}

std::vector<MeasuredRow> shipped_rows() {
    const Json all =
        read_json_file(std::filesystem::path(HEADROOM_PROFILES) / "measured/measured.json");
    Json exact = Json::array();
    for (const auto& row : all) {
        if (row.at("quality") == "exact") exact.push_back(row);
    }
    return measured_rows(JsonCursor(exact, ""), shipped_inputs(HEADROOM_PROFILES));
}

TimingProfile shipped_timing() {
    const auto path = std::filesystem::path(HEADROOM_PROFILES) / "engines/timing.json";
    return timing_profile_from_json(JsonCursor(read_json_file(path), ""));
}

/// Everything scored once; rows outlive the score that points to them.
const std::pair<std::vector<MeasuredRow>, Score>& shipped_score() {
    static const std::pair<std::vector<MeasuredRow>, Score> kScore = [] {
        std::pair<std::vector<MeasuredRow>, Score> out{shipped_rows(), {}};
        out.second = score(work_out(out.first, shipped_library()), shipped_timing());
        out.second.run_totals = run_totals(out.first, shipped_library(), shipped_timing());
        return out;
    }();
    return kScore;
}

MeasuredRow row_from(std::string_view text) {
    const Json json = parse_json(text, "row");
    return measured_rows(JsonCursor(Json::array({json}), "")).front();
}

constexpr std::string_view kRow = R"({"id": "a", "model": {"name": "m", "layers": 4, "hidden": 1024,
    "heads": 8, "kv_heads": 8, "ffn": 4096, "vocab": 32000, "gated_mlp": true},
    "hardware": {"gpu": "A100", "gpu_key": "a100-80", "count": 8, "gpus_per_node": 8},
    "setup": {"framework": "Megatron-LM", "seq_len": 2048, "micro_batch": 2, "tp": 2, "pp": 2,
    "global_batch": 32, "zero_stage": 1, "recompute": "full", "flash_attention": "TE fused"},
    "measured": {"tokens_per_s_per_gpu": 1000, "peak_gib_norm": 10.0,
    "memory_stat": "nvidia-smi, rounded"}})";

}  // namespace

TEST_CASE("ARowBecomesTheRequestItDescribes") {
    const MeasuredRow row = row_from(kRow);
    CHECK(row.stat == MemoryStat::process);
    CHECK(*row.step_seconds == Approx(32.0 * 2048.0 / 8000.0));
    const auto expressed = express(row, shipped_library());
    REQUIRE(std::holds_alternative<ExpressedRow>(expressed));
    const auto& [request, engine, settings] = std::get<ExpressedRow>(expressed);
    CHECK(engine->framework == "megatron-core");
    CHECK(request.layout.data == 2);
    CHECK(request.train.accumulation == 8);
    CHECK(request.recompute.mode == RecomputeMode::layer);
    CHECK(request.model.vocab % 256 == 0);
    validate(request);
}

TEST_CASE("ARowWithoutWhatIsNeededSaysWhatIsMissing") {
    const auto reason = [](std::string_view from, std::string_view to) {
        std::string text(kRow);
        text.replace(text.find(from), from.size(), to);
        const auto expressed = express(row_from(text), shipped_library());
        const auto* why = std::get_if<Unexpressed>(&expressed);
        return why != nullptr ? why->reason : std::string();
    };
    CHECK(reason("\"layers\": 4,", "") == "the row has no \"layers\"");
    CHECK_THAT(reason("Megatron-LM", "Unheard"), Catch::Contains("Unheard"));
    CHECK_THAT(reason("a100-80", "abacus"), Catch::Contains("no profile"));
}

TEST_CASE("InputsThatASourceStatesTakeTheirPlaceInItsRow") {
    const Json rows = Json::array({parse_json(kRow, "row")});
    const auto inputs = [](std::string_view text) {
        const Json document = parse_json(text, "inputs");
        return stated_inputs(JsonCursor(document, ""));
    };
    const auto stated =
        inputs(R"([{"id": "a", "setup": {"tp": 4, "vp": 2}, "source": "its page"}])");
    const MeasuredRow row = measured_rows(JsonCursor(rows, ""), stated).front();
    CHECK(count_of(row.setup, "tp", 0) == 4);
    CHECK(count_of(row.setup, "vp", 0) == 2);
    CHECK(count_of(row.setup, "pp", 0) == 2);  // what is not named stays
    CHECK_THROWS_WITH(inputs(R"([{"id": "a", "setup": {}, "source": ""}])"),
                      Catch::Contains("/0/source"));
    CHECK_THROWS_WITH(inputs(R"([{"id": "a", "setup": 3, "source": "x"}])"),
                      Catch::Contains("/0/setup"));
}

TEST_CASE("EveryShippedInputIsOfARowThatIsThere") {
    const auto& rows = shipped_score().first;
    const auto inputs = shipped_inputs(HEADROOM_PROFILES);
    CHECK_FALSE(inputs.empty());
    for (const auto& [id, stated] : inputs) {
        INFO(id);
        const auto found = std::ranges::find(rows, id, &MeasuredRow::id);
        REQUIRE(found != rows.end());
        for (const auto& [key, value] : stated.setup.items()) CHECK(found->setup.at(key) == value);
        for (const auto& [key, value] : stated.hardware.items()) {
            CHECK(found->hardware.at(key) == value);
        }
    }
}

TEST_CASE("AnAdaptersLinearsAreReadByLetters") {
    const auto targets = [](std::string_view lora) {
        std::string text(kRow);
        constexpr std::string_view kPlace = "\"framework\": \"Megatron-LM\"";
        text.replace(text.find(kPlace), kPlace.size(),
                     "\"framework\": \"torchtune\", \"method\": \"lora\", \"lora\": \"" +
                         std::string(lora) + "\"");
        const auto expressed = express(row_from(text), shipped_library());
        return std::get<ExpressedRow>(expressed).request.adapter.targets;
    };
    CHECK(targets("rank 8, q and v") == std::vector<std::string>{"q_proj", "v_proj"});
    CHECK(targets("rank 8, q,k,v").size() == 3);
    CHECK(targets("rank 8, q,v,o + MLP").size() == 6);
    CHECK(targets("rank 8, all linear layers").empty());
}

TEST_CASE("NearlyEveryTrainingRowIsScored") {
    const Score& s = shipped_score().second;
    std::int64_t steps = static_cast<std::int64_t>(s.rows.scored.size());
    for (const auto& row : s.rows.unscored) {
        CHECK_FALSE(row.reason.empty());
        const bool no_step = row.reason.find("step") != std::string::npos ||
                             row.reason.find("formula") != std::string::npos ||
                             row.reason.find("whole run") != std::string::npos;
        if (!no_step || row.reason.starts_with("the row has neither")) ++steps;
    }
    CHECK(static_cast<double>(s.rows.scored.size()) >= 0.95 * static_cast<double>(steps));
}

TEST_CASE("FitsIsNeverSaidOfARowThatRanOutOfMemory") {
    const Score& s = shipped_score().second;
    std::int64_t ran_out = 0;
    for (const auto& row : s.rows.scored) ran_out += row.row->out_of_memory ? 1 : 0;
    CHECK(ran_out >= 5);
    CHECK(s.called_fitting_but_ran_out == 0);
}

TEST_CASE("GoalsThatWereReachedStayReached") {
    const Score& s = shipped_score().second;
    CHECK(s.summary.memory.median <= 0.04);
    CHECK(s.summary.memory.p90 <= 0.10);
    CHECK(std::abs(s.summary.memory.bias) <= 0.02);
    CHECK(s.by_regime.at("single-gpu-finetune").memory.median <= 0.06);
    CHECK(s.by_group.at("simumax").reserved.mean <= 0.02);
    CHECK(s.summary.time_left_out.median <= 0.08);
    CHECK(s.summary.time_left_out.p90 <= 0.20);
    CHECK(s.by_group.at("vtrain").time_left_out.mean <= 0.08);
}

TEST_CASE("AWholeRunIsItsStepAsOftenAsItsTokensAskFor") {
    const auto& totals = shipped_score().second.run_totals;
    REQUIRE(totals.size() == 2);
    const RunTotal& deepseek = totals.back();
    CHECK(deepseek.measured_hours == 2664000.0);
    CHECK(deepseek.usd_per_gpu_hour == 2.0);
    CHECK(std::abs(deepseek.error()) <= 0.10);
    // A published run of 128 GPUs: its row's own step, tokens over 128 * 2 * 4096 times.
    const RunTotal& llama = totals.front();
    const auto& rows = shipped_score().second.rows.scored;
    const auto row = std::ranges::find_if(
        rows, [](const ScoredRow& each) { return each.row->id == "fms_llama7b_run"; });
    REQUIRE(row != rows.end());
    const double steps = 2.2e12 / (128.0 * 2.0 * 4096.0);
    CHECK(llama.predicted_hours ==
          Approx(row->seconds->predicted * steps * 128.0 / 3600.0).epsilon(1e-9));
}

TEST_CASE("TheStrictestRowsStayWithinTheirGoal") {
    const auto& memory = shipped_score().second.by_group.at("simumax").memory;
    CHECK(memory.rows == 16);
    CHECK(memory.mean <= 0.005);
    CHECK(memory.max <= 0.015);
}

TEST_CASE("PredictionsBeatEveryBaseline") {
    const Score& s = shipped_score().second;
    CHECK(s.summary.memory.median < s.baselines.sixteen.median);
    CHECK(s.summary.memory.median < s.baselines.megatron.median);
    CHECK(s.summary.time_left_out.median < s.baselines.constant.median);
}

TEST_CASE("TheFittedProfileIsWhatTheRowsGive") {
    const auto rows = shipped_rows();
    ScoredRows worked = work_out(rows, shipped_library());
    const TimingProfile fitted = fit_profile(worked);
    const TimingProfile shipped = shipped_timing();
    REQUIRE(fitted.gpus.size() == shipped.gpus.size());
    for (const auto& [kind, timing] : fitted.gpus) {
        for (std::size_t i = 0; i < timing.size(); ++i) {
            INFO(kind << " " << name(static_cast<GpuNumber>(i)));
            CHECK(timing[i] == Approx(shipped.gpu(kind)[i]).epsilon(0.02));
        }
    }
}

TEST_CASE("TheCommittedPageIsWhatTheProgramSays") {
    CHECK(score_page(shipped_score().second) ==
          read_text_file(HEADROOM_SOURCE "/docs/accuracy.md"));
}

TEST_CASE("APlotShowsEveryRow") {
    const Score& s = shipped_score().second;
    const std::string plot = score_plot(s, Plotted::time);
    std::size_t circles = 0;
    for (auto at = plot.find("r=\"3\""); at != std::string::npos;
         at = plot.find("r=\"3\"", at + 1)) {
        ++circles;
    }
    CHECK(circles == static_cast<std::size_t>(s.summary.time.rows));
}

TEST_CASE("SlowerKernelsNeverMakeAFasterStep") {
    const Score& s = shipped_score().second;
    for (const auto& row : s.rows.scored) {
        if (!row.step) continue;
        GpuTiming slow = prior_gpu_timing();
        const double before = step_seconds(*row.step, slow, prior_framework_timing());
        for (std::size_t i = 0; i + 1 < slow.size(); ++i) slow[i] *= 0.8;
        INFO(row.row->id);
        CHECK(step_seconds(*row.step, slow, prior_framework_timing()) >= before);
    }
}

TEST_CASE("GrowthWithTheNumberOfGpusIsReproduced") {
    const WeakScaling growth = weak_scaling(shipped_score().second.rows, "dgxc-benchmarking");
    CHECK(growth.series >= 4);
    CHECK(growth.max <= 0.05);
}
