#include <random>

#include "planner/base/json.h"
#include "planner/spec/knob.h"
#include "tests/spec/request_documents.h"
#include "tests/support/catch.h"

using namespace headroom;

namespace {

using Random = std::mt19937_64;

std::int64_t integer_between(Random& random, double low, double high) {
    return std::uniform_int_distribution<std::int64_t>(static_cast<std::int64_t>(low),
                                                       static_cast<std::int64_t>(high))(random);
}

KnobValue random_value(const Knob& knob, Random& random) {
    switch (knob.kind) {
        case KnobKind::boolean:
            return random() % 2 == 0;
        case KnobKind::integer:
            return integer_between(random, knob.low, knob.high);
        case KnobKind::number:
            return std::uniform_real_distribution<double>(knob.low, knob.high)(random);
        case KnobKind::choice:
            return std::string(knob.choices[random() % knob.choices.size()]);
        case KnobKind::list:
            break;
    }
    std::vector<std::string> values;
    for (const auto choice : knob.choices) {
        if (random() % 2 == 0) values.emplace_back(choice);
    }
    return values;
}

/// About a third of the settings change; what a technique that is off would do is forgotten.
PlanRequest random_request(const PlanRequest& start, Random& random) {
    auto request = start;
    for (const auto& each : knobs()) {
        if (random() % 3 == 0) set(request, each.name, random_value(each, random));
    }
    if (request.recompute.mode == RecomputeMode::none) request.recompute = {};
    if (request.adapter.kind == AdapterKind::none) request.adapter = {};
    if (!request.qat.is_on()) request.qat = {};
    if (!request.prune.is_on()) request.prune = {};
    if (random() % 3 == 0) {
        request.distill.teacher = start.model;
        request.distill.teacher_name = start.model_name;
    } else {
        request.distill = {};
    }
    if (random() % 2 == 0) request.hardware.gpus = integer_between(random, 1, 1 << 20);
    if (random() % 2 == 0) request.hardware.usd_per_gpu_hour = Usd{1.25};
    return request;
}

const Json* technique(const Json& document, const std::string& id) {
    for (const auto& each : document.at("techniques")) {
        if (each.at("id") == id) return &each;
    }
    return nullptr;
}

}  // namespace

TEST_CASE("ARandomRequestReadsBackAsItWasWritten") {
    Random random(20240601);  // NOLINT(cert-msc51-cpp): the same requests every time
    const auto named = read_request(plain_document());
    auto inline_all = named;
    inline_all.model_name.clear();
    inline_all.hardware.gpu.clear();
    for (int i = 0; i < 300; ++i) {
        const auto request = random_request(i % 4 == 0 ? inline_all : named, random);
        const auto written = to_json(request);
        INFO(written.dump());
        CHECK(read_request(written) == request);
        CHECK(to_json(read_request(written)).dump() == written.dump());
    }
}

TEST_CASE("AWrittenRequestSaysOnlyWhatDiffers") {
    const auto plain = to_json(read_request(plain_document("Llama-3.1-8B", 8)));
    CHECK(plain == Json{{"format", 1},
                        {"engine", "headroom"},
                        {"model", "meta-llama/Llama-3.1-8B"},
                        {"hardware", {{"gpu", "h100"}, {"gpus", 8}}},
                        {"train", Json::object()},
                        {"layout", Json::object()},
                        {"techniques", Json::array()}});
}

TEST_CASE("TechniquesAreListedByTheirIds") {
    auto document = plain_document();
    document["techniques"] = {{{"id", "recompute"}, {"mode", "layer"}},
                              {{"id", "qlora"}, {"rank", 8}, {"targets", {"q_proj"}}},
                              {{"id", "offload"}, {"optimizer", "cpu"}}};
    const auto request = read_request(document);
    CHECK(request.recompute.mode == RecomputeMode::layer);
    CHECK(request.adapter.kind == AdapterKind::qlora);
    CHECK(request.adapter.rank == 8);
    CHECK(request.adapter.targets == std::vector<std::string>{"q_proj"});
    CHECK(request.offload.optimizer == Tier::cpu);
    const auto written = to_json(request);
    CHECK(written.at("techniques").size() == 3);
    CHECK(*technique(written, "qlora") ==
          Json{{"id", "qlora"}, {"rank", 8}, {"targets", {"q_proj"}}});
    CHECK(*technique(written, "recompute") == Json{{"id", "recompute"}, {"mode", "layer"}});
}

TEST_CASE("TheDataDegreeIsWhatTheOtherDegreesLeave") {
    auto document = plain_document("Llama-3.1-8B", 16);
    document["layout"] = {{"tensor", 2}, {"pipeline", 2}};
    CHECK(read_request(document).layout.data == 4);
    document["layout"]["tensor"] = 3;
    CHECK(read_error(document) ==
          "/layout: tensor 3 x context 1 x pipeline 2 does not divide 16 GPUs");
    document["layout"]["data"] = 7;
    CHECK(read_request(document).layout.data == 7);
    CHECK(to_json(read_request(document)).at("layout").at("data") == 7);
}

TEST_CASE("APlanIsReadByItsRequest") {
    Json plan{{"format", 1}, {"request", plain_document()}, {"step", {{"digest", "0"}}}};
    CHECK(read_request(plan) == read_request(plain_document()));
    plan["request"]["train"] = {{"sequence", 0}};
    CHECK(read_error(plan).starts_with("/request/train/sequence: is 0"));
    plan["format"] = 2;
    CHECK(read_error(plan) == "/format: is 2, this version reads up to 1");
}

TEST_CASE("AProfileOrModelWithoutANameTravelsInline") {
    const ProfileDirectory directory;
    const auto file = directory.add("mine.json", {{"id", "mine"}, {"base", "h100"}});
    auto document = plain_document();
    document["hardware"]["gpu"] = file.string();
    document["model"] = to_json(shipped_library().model("gpt2", ""));
    const auto request = read_request(document);
    const auto written = to_json(request);
    CHECK(written.at("hardware").at("gpu").at("id") == "mine");
    CHECK(written.at("model").at("format") == "headroom-model");
    CHECK(read_request(written) == request);
}

TEST_CASE("ANodeIsNamedOrTravelsInsideTheProfile") {
    auto document = plain_document();
    document["hardware"]["node"] = "aws-p5.48xlarge";
    const auto named = read_request(document);
    CHECK(named.hardware.profile.node.id == "aws-p5.48xlarge");
    CHECK(to_json(named).at("hardware").at("node") == "aws-p5.48xlarge");
    CHECK(read_request(to_json(named)) == named);
    document["hardware"]["node"] = to_json(named.hardware.profile.node);
    document["hardware"]["node"]["host_ram_gib"] = 64;
    const auto own = read_request(document);
    CHECK(to_json(own).at("hardware").at("gpu").at("node").at("host_ram_gib") == 64);
    CHECK(read_request(to_json(own)) == own);
}

TEST_CASE("ADocumentIsReadStrictly") {
    const auto with = [](const std::string& pointer, const Json& value) {
        auto document = plain_document();
        document[Json::json_pointer(pointer)] = value;
        return read_error(document);
    };
    CHECK(with("/trian", 1) == "/trian: is not a known key; the nearest is \"train\"");
    CHECK(with("/layout/tensr", 2) ==
          "/layout/tensr: is not a known key; the nearest is \"tensor\"");
    CHECK(with("/hardware/gpuz", 2).starts_with("/hardware/gpuz: is not a known key"));
    CHECK(with("/hardware/gpus", 0).starts_with("/hardware/gpus: is 0, must be an integer from 1"));
    CHECK(with("/hardware/gpu", "h10").starts_with("/hardware/gpu: unknown GPU"));
    CHECK(with("/model", "gpt9").starts_with("/model: "));
    CHECK(with("/model", 3).starts_with("/model"));
    CHECK(with("/engine", "Mega Tron").starts_with("/engine: is \"Mega Tron\""));
    CHECK(with("/format", 2) == "/format: is 2, this version reads up to 1");
    CHECK(read_error(Json::object()) == "/model: is missing");
    CHECK(read_error(Json::array()).starts_with("/: must be an object"));
}

TEST_CASE("TechniquesAreReadStrictly") {
    const auto with = [](const Json& techniques) {
        auto document = plain_document();
        document["techniques"] = techniques;
        return read_error(document);
    };
    CHECK(with({{{"id", "lorra"}}}) ==
          "/techniques/0/id: is \"lorra\", which is no technique; the nearest is \"lora\"");
    CHECK(with({{{"id", "zero"}}}) ==
          "/techniques/0/id: is \"zero\", whose settings are /layout/zero, /layout/shard, "
          "/layout/prefetch");
    CHECK(with({{{"id", "lora"}}, {{"id", "dora"}}}) ==
          "/techniques/1/id: is \"dora\", but one of lora, qlora, dora is listed already");
    CHECK(with({{{"id", "recompute"}}}) ==
          "/techniques/0: switches nothing on; its settings are mode, every, ops");
    CHECK(with({{{"id", "lora"}, {"rnak", 2}}}) ==
          "/techniques/0/rnak: is not a known key; the nearest is \"rank\"");
    CHECK(with({{{"id", "lora"}, {"rank", 0}}}).starts_with("/techniques/0/rank: is 0"));
    CHECK(with({{{"mode", "layer"}}}) == "/techniques/0/id: is missing");
    CHECK(with({{{"id", 3}}}).starts_with("/techniques/0/id: is 3, must be a string"));
}

TEST_CASE("ADamagedDocumentIsRefusedOrStillSurvivesItsRoundTrip") {
    Random random(7);  // NOLINT(cert-msc51-cpp): the same damage every time
    auto document = plain_document("gpt2", 2);
    document["model"] = to_json(shipped_library().model("deepseek-ai/DeepSeek-V2", ""));
    document["layout"] = {{"tensor", 2}, {"zero", 1}, {"schedule", "1f1b"}};
    document["techniques"] = {{{"id", "qlora"}, {"rank", 8}, {"targets", {"q_proj"}}},
                              {{"id", "offload"}, {"optimizer", "cpu"}}};
    const auto text = document.dump();
    const std::string bytes = "0129-.eE\"[]{},:nt \\";
    int survivors = 0;
    for (int i = 0; i < 3000; ++i) {
        auto damaged = text;
        for (auto hits = 1 + random() % 3; hits > 0; --hits) {
            damaged[random() % damaged.size()] = bytes[random() % bytes.size()];
        }
        INFO(damaged);
        (void)input_error([&] {
            const auto request = read_request(parse_json(damaged, "damaged"));
            CHECK(read_request(to_json(request)) == request);
            ++survivors;
            validate(request);
        });
    }
    CHECK(survivors > 50);
}
