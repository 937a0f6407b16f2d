#include <map>

#include "tests/cli/program.h"
#include "tests/support/catch.h"

using namespace headroom;
using headroom::test::run_headroom;

namespace {

bool is_one_line(const std::string& text) {
    return !text.empty() && text.find('\n') == text.size() - 1;
}

}  // namespace

TEST_CASE("AMistypedVerbIsUsageAndNamesTheNearest") {
    const auto run = run_headroom("pln gpt2");
    CHECK(run.exit == 2);
    CHECK(run.out.empty());
    CHECK(run.error == "headroom: there is no verb \"pln\"; did you mean \"plan\"?\n");
}

TEST_CASE("EveryFailureIsOneLineWithItsExitCode") {
    const std::map<std::string, int> codes{
        {"", 2},
        {"plan", 2},
        {"plan gpt2", 2},
        {"plan gpt2 --gpu h100 --goal cook", 2},
        {"plan gpt2 --gpu h100 --pin zero", 2},
        {"plan gpt2 --gpu h100 --budget-usd 5", 2},
        {"plan gpt2 --gpu h100 --gpus 0", 2},
        {"plan gpt2 --gpu h100 --tokens nan", 2},
        {"plan gpt2 --gpu h100 --tokens 1e9 --budget-usd nan", 2},
        {"plan gpt2 --gpu h100 --usd-per-gpu-hour nan", 2},
        {"plan gpt2 --gpu h100 --engine ''", 2},
        {"plan gpt2 --gpu h100 -o ''", 2},
        {"plan gpt2 --gpu h100 --pin zero=3 --pin zero=1", 2},
        {"plan gpt2 --gpu h100 --goal pretrain --pin goal=adapt", 2},
        {"plan gpt2 --gpu h100 --sequence 256 --pin sequence=128", 2},
        {"plan gpt2 --gpu h100 --tokens 1e9 --pin tokens=5", 2},
        {"plan gpt2 --gpu h100 --goal adapt --pin adapter=none", 2},
        {"plan gpt2 --gpu h100 --ladder --longest-sequence", 2},
        {"plan gpt2 --gpu h100 --ladder --largest-micro-batch", 2},
        {"plan gpt2 --gpu h100 --ladder --fewest-gpus", 2},
        {"plan gpt2 --gpu h100 --ladder --cheapest-gpu", 2},
        {"plan gpt2 --gpu h100 --ladder --optimize memory", 2},
        {"plan gpt2 --gpu h100 --ladder --global-batch 8", 2},
        {"plan gpt2 --gpu h100 --ladder --tokens 1e9 --budget-usd 5", 2},
        {"plan gpt2 --gpu h100 --ladder --engine hf", 2},
        {"plan gpt2 --gpu h100 --ladder --pin zero=2", 2},
        {"plan gpt2 --gpu h100 --ladder --pin compute=fp32", 2},
        {"plan gpt2 --cheapest-gpu --longest-sequence", 2},
        {"plan gpt2 --cheapest-gpu --largest-micro-batch", 2},
        {"plan gpt2 --cheapest-gpu --fewest-gpus", 2},
        {"plan gpt2 --cheapest-gpu --gpus 8", 2},
        {"plan gpt2 --cheapest-gpu --node dgx-h100", 2},
        {"plan gpt2 --cheapest-gpu --usd-per-gpu-hour 2", 2},
        {"claims --markdown --json", 2},
        {"score measured.json --markdown --json", 2},
        {"score measured.json --fit --markdown", 2},
        {"score measured.json --fit --plots .", 2},
        {"hardware detect --steps 4", 2},
        {"hardware --json detect h100", 2},
        {"hardware nodes dgx-h100", 2},
        {"hardware show", 2},
        {"schema nothing", 2},
        {"run /nonexistent.json", 4},
        {"plan gpt2 --gpu h10", 4},
        {"plan gpt9 --gpu h100", 4},
        {"plan gpt2 --gpu h100 --pin zero=9", 4},
        {"plan gpt2 --gpu h100 --pin speed=9", 4},
        {"plan gpt2 --gpu h100 --pin dropout=nan", 4},
        {"plan gpt2 --gpu h100 --engine abacus", 4},
        {"plan gpt2 --gpu h100 --gpus 8 --pin tensor=3", 4},
        {"model /nonexistent/config.json", 4},
        {"predict /nonexistent.json", 4},
        {"hardware show abacus", 4},
        {"hardware --profiles /nonexistent", 4},
    };
    for (const auto& [arguments, code] : codes) {
        const auto run = run_headroom(arguments, "PATH=/usr/bin:/bin");
        INFO(arguments << ": " << run.error);
        CHECK(run.exit == code);
        CHECK(run.out.empty());
        CHECK(run.error.starts_with("headroom"));
        CHECK(is_one_line(run.error));
    }
}

TEST_CASE("ErrorsSayWhereAndWhatTheLimitIs") {
    CHECK(run_headroom("plan gpt2 --gpu h100 --pin zero=9").error ==
          "headroom: /layout/zero: is 9, must be an integer from 0 to 3\n");
    CHECK(run_headroom("plan gpt2 --gpu h100 --tokens 15B").error ==
          "headroom: --tokens: is \"15B\", must be a number from 0 to 1e+15; see headroom plan "
          "--help\n");
    CHECK(run_headroom("plan gpt2 --gpu h100 --ladder --longest-sequence").error ==
          "headroom: --ladder excludes --longest-sequence; see headroom plan --help\n");
    CHECK(contains(run_headroom("plan gpt2 --cheapest-gpu --gpus 8").error,
                   "--gpus requires --gpu;"));
    CHECK(contains(run_headroom("plan gpt2 --gpu h100 --pin dropout=nan").error, "is \"nan\""));
    CHECK(contains(run_headroom("plan gpt2 --gpu h100 --pin zero=3 --pin zero=1").error,
                   "--pin zero=1 contradicts --pin zero=3"));
    CHECK(contains(run_headroom("plan gpt2 --gpu h100 --goal adapt --pin prune=2:4").error,
                   "--pin prune contradicts the goal adapt"));
    CHECK(contains(run_headroom("plan gpt2 --gpu h100 --teacher llama-3.2-1b").error,
                   "the model has 50257: their distributions cannot be compared"));
    CHECK(contains(run_headroom("plan gpt2 --gpu h100 --teacher gpt2-x1").error,
                   "the nearest presets are"));
    CHECK(contains(run_headroom("plan gpt2 --gpu h100 --engine fsdp --teacher gpt2-xl").error,
                   "/techniques/distillation: is on: what a framework keeps"));
    CHECK(
        contains(run_headroom("plan gpt2 --gpu h10").error, "/hardware/gpu: unknown GPU \"h10\""));
}

TEST_CASE("PlacesInTwoDocumentsAreToldApart") {
    const test::Folder folder;
    const auto model = folder.add("tiny.json", {{"model_type", "llama"}, {"hidden_size", "wide"}});
    const auto request =
        folder.add("request.json", {{"model", model}, {"hardware", {{"gpu", "h100"}}}});
    CHECK(run_headroom("predict " + request)
              .error.starts_with("headroom: /model: " + model + "#/hidden_size: is \"wide\""));
    CHECK(run_headroom("model " + model)
              .error.starts_with("headroom: " + model + "#/hidden_size: is \"wide\""));
    CHECK(run_headroom("model -", "echo '{\"a\": 1, \"a\": 2}' |").error ==
          "headroom: standard input#/a: is given twice\n");
}

TEST_CASE("HelpNamesEveryVerbAndVersionIsShort") {
    const auto help = run_headroom("--help");
    CHECK(help.exit == 0);
    for (const auto* verb : {"model", "hardware", "plan", "predict", "explain", "compare", "schema",
                             "claims", "doctor"}) {
        CHECK(contains(help.out, verb));
        const auto own = run_headroom(std::string(verb) + " --help");
        CHECK(own.exit == 0);
        CHECK(contains(own.out, "--json"));
    }
    const auto version = run_headroom("--version");
    CHECK(version.exit == 0);
    CHECK(version.out.starts_with("headroom "));
}

TEST_CASE("OneSettingMayBeSaidTwiceAlike") {
    CHECK(run_headroom("plan gpt2 --gpu h100 --ladder -q --sequence 256 --pin sequence=256 "
                       "--goal finetune --pin goal=finetune --pin zero=0 --pin zero=0")
              .exit == 0);
}

TEST_CASE("HelpOfPlanListsTheSettings") {
    const auto help = run_headroom("plan --help").out;
    for (const auto* row : {"zero=0 to 3", "goal=pretrain|finetune|adapt", "recompute_ops=A,B"}) {
        INFO(row);
        CHECK(contains(help, row));
    }
}

TEST_CASE("CompletionOffersNamesOfEnginesNodesAndActions") {
    const auto script = run_headroom("completion bash").out;
    CHECK(contains(script, "fsdp-torchtitan-2024"));
    CHECK(contains(script, "$(headroom hardware nodes -q 2>/dev/null)"));
    CHECK(contains(script, "list nodes show detect"));
}

TEST_CASE("CompletionOffersTheOptionsOfRun") {
    const auto script = run_headroom("completion zsh").out;
    const auto run = script.substr(script.find("        run)\n"));
    for (const auto* row : {"--device'[auto\\: a GPU", "]:value:(auto cpu cuda)'", "--policy'",
                            "(planned per-tensor)", "(detect text u16 u32)", "(constant cosine)",
                            "--checkpoint'[file to checkpoint the run to]:value:_files'",
                            "--json-lines'", "'*:argument:_files'"}) {
        INFO(row);
        CHECK(contains(run.substr(0, run.find("compare)\n")), row));
    }
}

TEST_CASE("NodesAreListedAndShown") {
    CHECK(contains(run_headroom("hardware nodes -q").out, "dgx-h100\n"));
    CHECK(run_headroom("hardware nodes --json").json().at("nodes").size() > 5);
    CHECK(run_headroom("hardware show dgx-h100 --json").json().at("id") == "dgx-h100");
}

TEST_CASE("AReaderThatGoesAwayIsNoError") {
    const auto run = run_headroom("hardware list --json", "", "| head -c 10");
    CHECK(run.exit == 0);
    CHECK(run.out.size() == 10);
    CHECK(run.error.empty());
}

TEST_CASE("AFullDiskIsReported") {
    const auto run = run_headroom("hardware list >/dev/full");
    CHECK(run.exit == 4);
    CHECK(contains(run.error, "standard output: cannot be written"));
}

TEST_CASE("RedirectedOutputHasNoColours") {
    for (const auto* verb : {"doctor", "hardware", "model gpt2"}) {
        CHECK_FALSE(contains(run_headroom(verb).out, "\033"));
    }
}

TEST_CASE("GradientsFollowAPinnedComputeDtype") {
    const test::Run run = test::run_headroom(
        "plan headroom/llama-15m --gpu h100 --sequence 256 --pin compute=fp32 --json -q");
    CHECK(run.exit == 0);
    CHECK(contains(run.json().at("best").dump(), R"("gradient":"fp32")"));
}
