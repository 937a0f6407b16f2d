#include <QAbstractItemModelTester>
#include <QRegularExpression>
#include <algorithm>

#include "gui/document/edits.h"
#include "gui/models/compare_model.h"
#include "gui/models/knob_model.h"
#include "gui/models/plan_tables.h"
#include "gui/models/search_tables.h"
#include "gui/models/timeline_points.h"
#include "gui/views/memory_bar.h"
#include "gui/views/table_view.h"
#include "planner/plan/findings.h"
#include "tests/gui/requests.h"
#include "tests/gui/window_fixture.h"

using namespace headroom;
using namespace headroom::test;
using namespace headroom::gui;
using Mode = QAbstractItemModelTester::FailureReportingMode;

namespace {

/// Puts a model under Qt's own tester while `change` changes it; failures are fatal messages, which
/// end the test program.
template <class Change>
void tested(QAbstractItemModel& model, const Change& change) {
    application();
    const QAbstractItemModelTester tester(&model, Mode::Fatal);
    change();
    for (int row = 0; row < model.rowCount(); ++row) {
        for (int column = 0; column < model.columnCount(); ++column) {
            const auto at = model.index(row, column);
            CHECK(at.data(Qt::DisplayRole).isValid());
            static_cast<void>(at.data(kToneRole));
        }
    }
}

}  // namespace

TEST_CASE("EveryTableOfAPlanKeepsTheRulesOfItemModels") {
    const Plan plan = predict(llama8b("h100-sxm5-80gb", 8));
    const auto step = step_memory(plan);
    const auto peak = alive_at(plan, step, step.peak.op);
    auto categories = category_model();
    tested(categories, [&] {
        categories.setRows(category_rows(plan, peak));
        categories.setFigures({MemoryUnit::gb});
        categories.setRows({});
        categories.setRows(category_rows(plan, peak));
    });
    auto costs = cost_model();
    tested(costs, [&] { costs.setRows(cost_rows(plan)); });
    auto phases = phase_model();
    tested(phases, [&] { phases.setRows(phase_rows(plan)); });
    auto alive = alive_model();
    tested(alive, [&] { alive.setRows(alive_rows(peak)); });
    CHECK(categories.rowCount() >= 6);
    CHECK(costs.rowCount() >= 8);
    CHECK(alive.rowCount() > 10);
}

TEST_CASE("EveryTableOfASearchKeepsTheRulesOfItemModels") {
    const auto request = llama8b("h100-sxm5-80gb", 8);
    auto rungs = rung_model();
    const auto steps = ladder(request);
    tested(rungs, [&] { rungs.setRows(rung_rows(steps)); });
    CHECK(std::ranges::count_if(rungs.rows(), &RungRow::first) == 1);
    const auto result = search({.base = request});
    auto candidates = candidate_model();
    tested(candidates, [&] { candidates.setRows(candidate_rows(result)); });
    CHECK(std::ranges::count_if(candidates.rows(), &CandidateRow::best) == 1);
    auto findings = finding_model();
    tested(findings, [&] { findings.setRows(measured_findings()); });
    CHECK(findings.rowCount() > 10);
}

TEST_CASE("TheKnobModelAsksForEditsAndRefusesWhatTheKnobRefuses") {
    KnobModel model;
    auto request = llama8b("h100-sxm5-80gb", 8);
    tested(model, [&] {
        model.setRequest(request);
        model.setStates(knob_states(request));
    });
    std::vector<PlanRequest> edits;
    QStringList refusals;
    QObject::connect(&model, &KnobModel::edited,
                     [&](const PlanRequest& next) { edits.push_back(next); });
    QObject::connect(&model, &KnobModel::refused,
                     [&](const QString& sentence) { refusals.append(sentence); });
    for (int row = 0; row < model.rowCount(); ++row) {
        if (KnobModel::knobAt(row).name != "tensor") continue;
        const auto at = model.index(row, KnobModel::ValueColumn);
        CHECK(model.setData(at, QStringLiteral("2"), Qt::EditRole));
        CHECK_FALSE(model.setData(at, QStringLiteral("0"), Qt::EditRole));
        CHECK_FALSE(model.setData(at, QStringLiteral("many"), Qt::EditRole));
        CHECK_FALSE(model.setData(model.index(row, 0), QStringLiteral("2"), Qt::EditRole));
    }
    REQUIRE(edits.size() == 1);
    CHECK(edits[0].layout.tensor == 2);
    CHECK(edits[0].layout.data == 4);
    CHECK(refusals.size() == 2);
}

TEST_CASE("ASettingThatCannotApplyIsGreyedWithItsReason") {
    const auto state = [](const PlanRequest& request, std::string_view name) {
        const auto states = knob_states(request);
        const auto at = std::ranges::find(knobs(), name, &Knob::name) - knobs().begin();
        return states[static_cast<std::size_t>(at)];
    };
    const auto one = llama8b("rtx-4090", 1);
    CHECK(state(one, "lora_rank").reason.contains(QLatin1String("once")));
    CHECK(state(one, "adapter").reason.isEmpty());
    CHECK_FALSE(state(one, "tensor").reason.isEmpty());
    CHECK_FALSE(state(one, "expert").reason.isEmpty());
    CHECK(state(one, "micro_batch").reason.isEmpty());
    CHECK(state(one, "compute").reason.isEmpty());  // gradients follow it
    CHECK(state(llama8b("h100-sxm5-80gb", 8), "tensor").reason.isEmpty());
    CHECK(state(one, "expert").reason == QLatin1String("with 2: the model has no experts"));
    for (const auto& each : knob_states(one)) {
        INFO(each.reason.toStdString());
        CHECK_FALSE(each.reason.contains(QRegularExpression(QStringLiteral("/[a-z]+/"))));
    }
    // A fault that lies elsewhere greys nothing.
    auto wrong = one;
    wrong.train.accumulation = 0;
    CHECK(state(wrong, "optimizer").reason.isEmpty());
}

TEST_CASE("EveryKnobHasARowInTheForm") {
    const KnobModel model;
    REQUIRE(model.rowCount() == static_cast<int>(knobs().size()));
    for (int row = 0; row < model.rowCount(); ++row) {
        CHECK(KnobModel::knobAt(row).name == knobs()[static_cast<std::size_t>(row)].name);
    }
}

TEST_CASE("TheCompareModelShowsDeltasAgainstItsBaseline") {
    CompareModel model;
    const auto a = std::make_shared<const Plan>(predict(llama8b("h100-sxm5-80gb", 8)));
    auto other = a->request;
    other.layout.zero = 3;
    const auto b = std::make_shared<const Plan>(predict(other));
    tested(model, [&] {
        model.setPlans({{QStringLiteral("A"), a}});
        model.setPlans({{QStringLiteral("A"), a}, {QStringLiteral("B"), b}});
        model.setBaseline(0);
        model.setFigures({MemoryUnit::gb});
        model.setFigures({});
    });
    CHECK(model.columnCount() == 3);
    CHECK(model.index(0, 0).data().toString() == QLatin1String("zero"));
    CHECK(model.index(0, 2).data().toString() == QLatin1String("3"));
    const auto memory = model.index(1, 2).data().toString();
    const Bytes change =
        b->predicted.worst_rank().device.total() - a->predicted.worst_rank().device.total();
    CHECK(memory.contains(QStringLiteral("(%1)").arg(Figures{}.change(change))));
    model.setPlans({});
    CHECK(model.rowCount() == 0);
    CHECK(model.baseline() == -1);
}

TEST_CASE("WhatIsTooLittleToBeSeenIsNoDifference") {
    CompareModel model;
    const auto a = std::make_shared<const Plan>(predict(llama8b("h100-sxm5-80gb", 8)));
    auto little = *a;
    little.predicted.stages[0].device.reserved += Bytes{64};
    const auto b = std::make_shared<const Plan>(little);
    const auto tone = [&] { return static_cast<Tone>(model.index(0, 0).data(kToneRole).toInt()); };
    model.setPlans({{QStringLiteral("A"), a}});
    CHECK(tone() == Tone::plain);
    model.setPlans({{QStringLiteral("A"), a}, {QStringLiteral("B"), b}});
    model.setBaseline(0);
    REQUIRE(model.index(0, 0).data().toString() == QLatin1String("memory"));
    CHECK(tone() == Tone::faint);
    CHECK(model.index(0, 2).data().toString().endsWith(QLatin1String("(=)")));
}

TEST_CASE("AHeadingOfComparedPlansIsShortAndTellsTheWholeName") {
    CompareModel model;
    const auto plan = std::make_shared<const Plan>(predict(llama8b("h100-sxm5-80gb", 8)));
    const auto name =
        QStringLiteral("A: ") + QString(90, QLatin1Char('x')) + QStringLiteral(".json");
    model.setPlans({{name, plan}});
    const auto heading = [&](int section, int role) {
        return model.headerData(section, Qt::Horizontal, role);
    };
    CHECK(heading(1, Qt::DisplayRole).toString().size() < 40);
    CHECK(heading(1, Qt::DisplayRole).toString().endsWith(QLatin1String(".json")));
    CHECK(heading(1, Qt::ToolTipRole).toString() == name);
    CHECK((heading(0, Qt::TextAlignmentRole).toInt() & Qt::AlignLeft) != 0);
}

TEST_CASE("HoursAndPricesAreWrittenForPeople") {
    auto request = llama8b("h100-sxm5-80gb", 8);
    const auto value = [&](const QString& name) {
        for (const auto& row : cost_rows(predict(request))) {
            if (row.name == name) return row.value;
        }
        return QString();
    };
    CHECK_FALSE(value(QStringLiteral("One step")).startsWith(QLatin1String("$0.00 ")));
    CHECK(value(QStringLiteral("One step")) != QLatin1String("$0.00"));
    request.train.tokens = 1'000'000'000'000;
    for (const auto* name : {"GPU-hours", "energy"}) {
        INFO(name);
        const auto shown = value(QString::fromUtf8(name));
        CHECK(shown.contains(QLatin1Char(',')));
        CHECK_FALSE(shown.contains(QLatin1Char('e')));
    }
}

TEST_CASE("StagesThatAreNotDrawnAreCounted") {
    application();
    auto request = llama8b("h100-sxm5-80gb", 16);
    request.layout = {.data = 1, .pipeline = 16};
    request.train.accumulation = 16;
    const auto places = memory_places(predict(request), {});
    REQUIRE(places.size() == 9);
    CHECK(places.back().name == QLatin1String("8 more stages"));
    CHECK(places.back().rows.empty());
    MemoryBar bar;
    bar.setPlaces(places);
    CHECK(bar.accessibleDescription().contains(QLatin1String("8 more stages")));
    const auto gib = bar.accessibleDescription();
    bar.setFigures({MemoryUnit::gb});
    CHECK(bar.accessibleDescription() != gib);
    CHECK(bar.accessibleDescription().contains(QLatin1String(" GB")));
}

TEST_CASE("TheTimelinesHighestMomentIsThePredictedTotal") {
    for (auto request : {llama8b("h100-sxm5-80gb", 8), llama8b("rtx-4090", 1)}) {
        const Plan plan = predict(request);
        const auto step = step_memory(plan);
        const auto all = moments(plan, step, 100);
        CHECK(all.size() == 100);
        const auto peak = std::ranges::max_element(all, {}, &Moment::total);
        CHECK(peak->total == plan.predicted.worst_rank().device.total());
        CHECK(peak->op == step.peak.op);
        Bytes sum{};
        for (const auto& category : alive_at(plan, step, peak->op)) sum += category.bytes;
        CHECK(sum == peak->total);
        const auto phases = phase_starts(step);
        CHECK(phases.front().phase == Phase::forward);
        CHECK(phases.back().phase == Phase::update);
    }
}

TEST_CASE("TheBadgeNamesWhatIsMissingAndThePhaseThatLimits") {
    const auto badge = fit_badge(predict(llama8b("rtx-4090", 1)), {});
    CHECK(badge.fit == Fit::no);
    CHECK(badge.sentence.contains(QLatin1String("GiB missing")));
    CHECK(badge.sentence.contains(QLatin1String("pass")));
    auto request = llama8b("h100-sxm5-80gb", 8);
    request.layout.zero = 3;
    CHECK(fit_badge(predict(request), {}).fit == Fit::fits);
}

TEST_CASE("TablesAreWrittenAsCsvAndMarkdown") {
    auto model = cost_model();
    model.setRows({{QStringLiteral("a,b"), QStringLiteral("say \"x\""), QStringLiteral("p|q")}});
    CHECK(as_csv(model) == QLatin1String("cost,,\n\"a,b\",\"say \"\"x\"\"\",p|q\n"));
    CHECK(as_markdown(model).contains(QLatin1String("p\\|q")));
    CHECK(as_markdown(model).contains(QLatin1String("|---|---|---|")));
}
