#include "planner/spec/knob.h"

#include <array>
#include <map>
#include <set>

#include "planner/base/json.h"
#include "tests/spec/hardware_files.h"
#include "tests/support/catch.h"

using namespace headroom;

namespace {

/// Stands for a value of any field.
struct Anything {
    template <class Field>
    operator Field() const;  // NOLINT(google-explicit-constructor): it must convert unasked
};

template <class Struct, class... Fields>
consteval std::size_t field_count() {
    if constexpr (requires { Struct{Fields{}..., Anything{}}; }) {
        return field_count<Struct, Fields..., Anything>();
    } else {
        return sizeof...(Fields);
    }
}

std::size_t knobs_in(std::string_view group) {
    std::size_t count = 0;
    for (const auto& each : knobs()) count += each.group() == group ? 1 : 0;
    return count;
}

/// A legal value other than the one the request has.
KnobValue another_value(const Knob& knob, const PlanRequest& request) {
    auto now = knob.get(request);
    switch (knob.kind) {
        case KnobKind::boolean:
            return !std::get<bool>(now);
        case KnobKind::integer: {
            const auto low = static_cast<std::int64_t>(knob.low);
            return std::get<std::int64_t>(now) == low ? low + 1 : low;
        }
        case KnobKind::number:
            return std::get<double>(now) == knob.low ? knob.high : knob.low;
        case KnobKind::choice:
            return std::string(knob.choices[std::get<std::string>(now) == knob.choices[0] ? 1 : 0]);
        case KnobKind::list:
            return std::vector<std::string>{std::string(knob.choices.back())};
    }
    return now;
}

std::string set_error(const std::string& name, const KnobValue& value) {
    PlanRequest request;
    return input_error([&] { set(request, name, value); });
}

std::string parse_error(const std::string& name, const std::string& text) {
    return input_error([&] { (void)parse(knob(name), text, "--pin"); });
}

}  // namespace

TEST_CASE("EveryFieldOfARequestIsExactlyOneKnob") {
    CHECK(knobs_in("/train") == field_count<TrainSpec>());
    CHECK(knobs_in("/layout") == field_count<ParallelLayout>());
    CHECK(knobs_in("/techniques/recompute") == field_count<RecomputeSpec>());
    CHECK(knobs_in("/techniques/offload") == field_count<OffloadSpec>());
    CHECK(knobs_in(kAdapterGroup) == field_count<AdapterSpec>());
    CHECK(knobs_in("/techniques/qat") == field_count<QatSpec>());
    // The teacher and its name are no settings of a few values.
    CHECK(knobs_in(kDistillationGroup) == field_count<DistillSpec>() - 2);
    CHECK(knobs_in("/techniques/pruning") == field_count<PruneSpec>());
    CHECK(knobs().size() == 51);
}

TEST_CASE("AKnobChangesItsFieldAndNoOther") {
    for (const auto& changed : knobs()) {
        INFO(changed.name);
        const PlanRequest plain;
        PlanRequest request;
        const auto value = another_value(changed, plain);
        set(request, changed.name, value);
        CHECK(changed.get(request) == value);
        CHECK_FALSE(request == plain);
        for (const auto& other : knobs()) {
            if (&other == &changed) continue;
            INFO(other.name);
            CHECK(other.get(request) == other.get(plain));
        }
    }
}

TEST_CASE("KnobsAreNamedOnceExplainedAndHoldTheirDefaults") {
    const PlanRequest plain;
    std::set<std::string_view> names;
    std::set<std::string_view> paths;
    for (const auto& each : knobs()) {
        INFO(each.name);
        CHECK(names.insert(each.name).second);
        CHECK(paths.insert(each.path).second);
        CHECK(each.help.size() > 10);
        const bool numeric = each.kind == KnobKind::integer || each.kind == KnobKind::number;
        CHECK(numeric == (each.low < each.high));
        const bool worded = each.kind == KnobKind::choice || each.kind == KnobKind::list;
        CHECK(worded == !each.choices.empty());
        const Json json = to_json(each.get(plain));
        CHECK(value_from_json(each, {json, ""}) == each.get(plain));
    }
}

TEST_CASE("TechniqueIdsAreTheKnownOnes") {
    const std::set<std::string_view> known{"",
                                           "precision",
                                           "optimizer",
                                           "loss",
                                           "attention",
                                           "recompute",
                                           "zero",
                                           "pipeline",
                                           "context_parallel",
                                           "expert_parallel",
                                           "moe",
                                           "offload",
                                           "lora",
                                           "qat",
                                           "qlora",
                                           "tensor_parallel",
                                           "distillation",
                                           "pruning"};
    std::set<std::string_view> used;
    for (const auto& each : knobs()) used.insert(each.technique);
    CHECK(used == known);
}

TEST_CASE("TextOnTheCommandLineIsReadByKind") {
    CHECK(parse(knob("zero"), "3") == KnobValue{std::int64_t{3}});
    CHECK(parse(knob("master"), "false") == KnobValue{false});
    CHECK(parse(knob("z_loss"), "1e-3") == KnobValue{1e-3});
    CHECK(parse(knob("z_loss"), "1") == KnobValue{1.0});
    CHECK(parse(knob("compute"), "fp16") == KnobValue{std::string("fp16")});
    CHECK(parse(knob("schedule"), "1f1b") == KnobValue{std::string("1f1b")});
    const std::vector<std::string> ops{"norm", "attention"};
    CHECK(parse(knob("recompute_ops"), "norm,attention") == KnobValue{ops});
    CHECK(parse(knob("recompute_ops"), "") == KnobValue{std::vector<std::string>{}});
}

TEST_CASE("PrintedValuesReadBack") {
    PlanRequest request;
    for (const auto& each : knobs()) {
        INFO(each.name);
        const auto value = another_value(each, request);
        CHECK(parse(each, to_string(value)) == value);
    }
}

TEST_CASE("AWrongValueIsRefusedWithItsPlaceAndLimit") {
    const std::map<std::string, std::string> errors{
        {set_error("zero", std::int64_t{4}), "/layout/zero: is 4, must be an integer from 0 to 3"},
        {set_error("tensor", std::int64_t{0}),
         "/layout/tensor: is 0, must be an integer from 1 to 4096"},
        {set_error("master", std::int64_t{1}), "/train/master: is 1, must be true or false"},
        {set_error("compute", std::string("bf61")),
         R"(/train/compute: is "bf61", must be one of fp32, bf16, fp16; the nearest is "bf16")"},
        {set_error("recompute_ops", std::vector<std::string>{"norm", "norm"}),
         "/techniques/recompute/ops/1: is \"norm\" a second time"},
        {parse_error("zero", "two"), "--pin: is \"two\", must be an integer from 0 to 3"},
        {parse_error("zero", "2x"), "--pin: is \"2x\", must be an integer from 0 to 3"},
        {parse_error("zero", "99999999999999999999"),
         "--pin: is \"99999999999999999999\", must be an integer from 0 to 3"},
        {parse_error("master", "yes"), "--pin: is \"yes\", must be true or false"},
        {parse_error("z_loss", "nan"), R"(--pin: is "nan", must be a number from 0 to 1000)"}};
    for (const auto& [found, expected] : errors) CHECK(found == expected);
}

TEST_CASE("AnUnknownKnobIsReportedWithNearNames") {
    const auto error = input_error([] { knob("offload_optimiser", "--pin"); });
    CHECK(error.starts_with(R"(--pin: there is no setting "offload_optimiser")"));
    CHECK(contains(error, "nearest are offload_optimizer"));
}

TEST_CASE("APointerNamesTheAdapterAsTheDocumentDoes") {
    PlanRequest request;
    CHECK(pointer(knob("lora_rank"), request) == "/techniques/lora/rank");
    request.adapter.kind = AdapterKind::qlora;
    CHECK(pointer(knob("lora_rank"), request) == "/techniques/qlora/rank");
    CHECK(pointer(knob("zero"), request) == "/layout/zero");
}
