#include <QSignalSpy>
#include <random>

#include "gui/document/kept_files.h"
#include "gui/document/open_file.h"
#include "gui/document/plan_document.h"
#include "planner/base/json.h"
#include "planner/base/written_file.h"
#include "tests/gui/requests.h"

using namespace headroom;
using namespace headroom::test;
using namespace headroom::gui;

namespace {

/// A change of what is searched for: aim, batch, budget or a pin.
SearchQuestion random_question(SearchQuestion question, std::mt19937& random) {
    const auto pick = [&](std::size_t count) { return random() % count; };
    const auto& knob = knobs()[pick(knobs().size())];
    switch (pick(4)) {
        case 0:
            question.aim = static_cast<Aim>(pick(3));
            return question;
        case 1:
            question.batch = static_cast<Batch>(pick(2));
            return question;
        case 2:
            question.budget = 1000.0 * static_cast<double>(pick(4));
            return question;
        default:
            return with_pin(question, knob.name, pick(2) == 0);
    }
}

/// A change as a person makes one: a knob, a GPU, a number of GPUs, a batch, a model.
PlanRequest random_edit(const PlanRequest& request, std::mt19937& random) {
    const auto pick = [&](std::size_t count) { return random() % count; };
    const auto& gpus = known().hardware.gpus();
    const auto& gpu = gpus[pick(gpus.size())];
    switch (pick(6)) {
        case 0:
            return with_gpu(request, gpu.id, gpu);
        case 1:
            return with_gpus(request, std::int64_t{1} << pick(8));
        case 2:
            return with_batch(request, static_cast<std::int64_t>(1 + pick(64)));
        default:
            break;
    }
    const Knob& knob = knobs()[pick(knobs().size())];
    switch (knob.kind) {
        case KnobKind::boolean:
            return with_knob(request, knob, pick(2) == 0);
        case KnobKind::choice:
            return with_knob(request, knob, std::string(knob.choices[pick(knob.choices.size())]));
        case KnobKind::integer:
            return with_knob(
                request, knob,
                std::min(static_cast<std::int64_t>(knob.high),
                         static_cast<std::int64_t>(knob.low) + static_cast<std::int64_t>(pick(5))));
        case KnobKind::number:
            return with_knob(request, knob, knob.low + 0.25 * static_cast<double>(pick(2)));
        case KnobKind::list:
            return with_knob(request, knob, std::vector<std::string>{std::string(knob.choices[0])});
    }
    return request;
}

}  // namespace

TEST_CASE("FiveHundredEditsUndoneAndRedoneGiveEqualValues") {
    application();
    std::mt19937 random(20261124);
    PlanDocument document;
    document.replace(llama8b("h100-sxm5-80gb", 8), {});
    std::vector<Draft> walk{document.draft()};
    std::size_t questions = 0;
    while (walk.size() <= 500) {
        Draft next = document.draft();
        if (random() % 4 == 0) {
            next.question = random_question(next.question, random);
            document.editQuestion(next.question, QStringLiteral("question"));
        } else {
            next.request = random_edit(next.request, random);
            document.edit(next.request, QStringLiteral("edit"));
        }
        if (next == walk.back()) continue;
        if (next.question != walk.back().question) ++questions;
        walk.push_back(next);
    }
    CHECK(questions > 50);
    REQUIRE(document.undoStack().count() == 500);
    for (std::size_t i = walk.size() - 1; i-- > 0;) {
        document.undoStack().undo();
        REQUIRE(document.draft() == walk[i]);
    }
    CHECK_FALSE(document.undoStack().canUndo());
    CHECK_FALSE(document.isDirty());
    for (std::size_t i = 1; i < walk.size(); ++i) {
        document.undoStack().redo();
        REQUIRE(document.draft() == walk[i]);
    }
    CHECK_FALSE(document.undoStack().canRedo());
}

TEST_CASE("WhatIsSearchedForIsPartOfTheDocumentAndAsksForNoNewPlan") {
    application();
    PlanDocument document;
    document.replace(llama8b("rtx-4090", 1), {});
    QSignalSpy requests(&document, &PlanDocument::requestChanged);
    QSignalSpy questions(&document, &PlanDocument::questionChanged);
    document.editQuestion({.aim = Aim::memory}, QStringLiteral("aim"));
    CHECK(document.isDirty());
    document.undoStack().undo();
    CHECK_FALSE(document.isDirty());
    CHECK(questions.count() == 2);
    CHECK(requests.count() == 0);
}

TEST_CASE("AQuestionReadsBackEqualAndABadOneIsRefusedAtItsPlace") {
    SearchQuestion question{.aim = Aim::cost, .batch = Batch::held, .budget = 2500.0};
    question = with_pin(with_pin(question, "zero", true), "micro_batch", true);
    const Json json = to_json(question);
    CHECK(question_from_json({json, ""}) == question);
    CHECK(with_pin(question, "zero", false).pins == std::vector<std::string>{"micro_batch"});
    for (const auto* text : {R"({"aim": "fame"})", R"({"pins": ["nothing"]})",
                             R"({"budget_usd": -1})", R"({"what": 1})"}) {
        const Json bad = parse_json(text, "test");
        INFO(text);
        CHECK_THROWS_AS(question_from_json({bad, ""}), InputError);
    }
}

TEST_CASE("APlanWithAQuestionIsReadByWhateverReadsPlans") {
    const Plan plan = predict(llama8b("h100-sxm5-80gb", 8));
    Draft draft{.request = plan.request};
    CHECK(saved_document(draft, &plan) == to_json(plan));
    draft.question.pins = {"zero"};
    for (const auto* saved : {&plan, static_cast<const Plan*>(nullptr)}) {
        const Json json = saved_document(draft, saved);
        CHECK(plan_from_json({json, ""}, known()).request == draft.request);
        const Home home;
        write_file_atomically(home.file("x.json").toStdString(), json.dump());
        const auto opened = std::get<OpenedPlan>(open_file(home.file("x.json"), known()));
        CHECK(opened.draft == draft);
    }
}

TEST_CASE("TypingIntoOneBoxIsOneEditAndTypingItBackIsNone") {
    application();
    PlanDocument document;
    document.replace(llama8b("rtx-4090", 1), {});
    const auto before = document.request();
    const auto typed = [&](std::int64_t sequence) {
        auto next = document.request();
        next.train.sequence = sequence;
        document.edit(next, QStringLiteral("sequence"), QStringLiteral("sequence"));
    };
    for (const std::int64_t value : {8, 81, 819, 8192}) typed(value);
    CHECK(document.undoStack().count() == 1);
    document.undoStack().undo();
    CHECK(document.request() == before);
    document.edit(before, QStringLiteral("nothing"));
    CHECK(document.undoStack().count() == 1);
    typed(7);
    typed(before.train.sequence);
    CHECK(document.undoStack().count() == 0);
    CHECK_FALSE(document.isDirty());
}

TEST_CASE("TheDocumentIsDirtyUntilSavedAndCleanAgainWhenUndone") {
    application();
    PlanDocument document;
    QSignalSpy states(&document, &PlanDocument::stateChanged);
    document.replace(llama8b("rtx-4090", 1), {});
    CHECK_FALSE(document.isDirty());
    document.edit(with_gpus(document.request(), 2), QStringLiteral("GPUs"));
    CHECK(document.isDirty());
    document.markSaved(QStringLiteral("/tmp/a.json"));
    CHECK_FALSE(document.isDirty());
    CHECK(document.title() == QLatin1String("a.json"));
    document.undoStack().undo();
    CHECK(document.isDirty());
    document.undoStack().redo();
    CHECK_FALSE(document.isDirty());
    document.markUnsaved();
    CHECK(document.isDirty());
    CHECK(states.count() >= 5);
}

TEST_CASE("TheBatchIsSplitOverRanksAndMicroBatches") {
    auto request = llama8b("h100-sxm5-80gb", 8);
    request.train.micro_batch = 4;
    request = with_batch(request, 64);
    CHECK(batch_of(request) == 64);
    CHECK(request.train.micro_batch == 4);
    request = with_batch(request, 24);
    CHECK(batch_of(request) == 24);
    CHECK(request.train.micro_batch == 1);
    CHECK(batch_of(with_batch(request, 1)) == 8);
    request.layout.tensor = 8;
    CHECK(with_gpus(request, 64).layout.data == 8);
}

TEST_CASE("ACorruptListOfRecentFilesIsDroppedWithANotice") {
    application();
    const Home home;
    const auto file = home.places().recentFile();
    CHECK(read_recent(file).notice.isEmpty());
    for (const auto* text : {"{", "[]", R"({"recent": 7})", R"({"recent": [1]})"}) {
        write_file_atomically(file.toStdString(), text);
        const auto kept = read_recent(file);
        INFO(text);
        CHECK(kept.value.isEmpty());
        CHECK(kept.notice.contains(QLatin1String("dropped")));
        CHECK_FALSE(QFileInfo::exists(file));
    }
    CHECK(write_recent(file, {QStringLiteral("/nowhere/x.json"), file}).isEmpty());
    CHECK(read_recent(file).value == QStringList{file});
    QStringList many;
    for (int i = 0; i < 30; ++i) many = with_recent(many, QString::number(i));
    CHECK(many.size() == kMostRecent);
    CHECK(with_recent(many, many.last()).size() == kMostRecent);
    CHECK(with_recent(many, many.last()).first() == many.last());
}

TEST_CASE("AnAutosaveOfAProgramThatIsGoneIsTakenOnceAndACorruptOneIsDropped") {
    application();
    const Home home;
    Autosave autosave(home.folder.path());
    Draft draft{.request = llama8b("rtx-4090", 1)};
    draft.question.budget = 100.0;
    REQUIRE(autosave.write(draft, QStringLiteral("/a/b.json")).isEmpty());
    CHECK_FALSE(autosave.take(known()).value);  // this program still runs
    const auto left = home.file("autosave-999999999.json");
    REQUIRE(QFile::rename(autosave.file(), left));
    const auto kept = autosave.take(known());
    REQUIRE(kept.value);
    CHECK(kept.value->draft == draft);
    CHECK(kept.value->path == QLatin1String("/a/b.json"));
    CHECK(kept.notice.isEmpty());
    CHECK_FALSE(autosave.take(known()).value);
    for (const auto* text :
         {"", "{", R"({"request": {}})", R"({"request": {"model": "nobody"}})"}) {
        write_file_atomically(left.toStdString(), text);
        const auto bad = autosave.take(known());
        INFO(text);
        CHECK_FALSE(bad.value);
        CHECK(bad.notice.contains(QLatin1String("dropped")));
        CHECK_FALSE(QFileInfo::exists(left));
    }
}

TEST_CASE("AFileIsOpenedAsWhatItIs") {
    application();
    const Home home;
    const auto file = home.file("x.json");
    const auto opened = [&](const Json& json) {
        write_file_atomically(file.toStdString(), json.dump());
        return open_file(file, known());
    };
    const auto request = llama8b("rtx-4090", 1);
    CHECK(std::get<OpenedPlan>(opened(to_json(request))).draft.request == request);
    CHECK(std::get<OpenedPlan>(opened(to_json(predict(request)))).draft.request == request);
    CHECK(std::get<OpenedModel>(opened(to_json(request.model))).model.layers == 32);
    CHECK(std::get<OpenedHardware>(opened(to_json(request.hardware.profile))).profile.id ==
          "rtx-4090");
    CHECK(std::holds_alternative<Measurement>(opened(measurement_document())));
    CHECK_THROWS_AS(opened(Json::array()), InputError);
    CHECK_THROWS_AS(opened(Json{{"model_type", "nothing-known"}}), InputError);
    CHECK_THROWS_AS(open_file(home.file("absent.json"), known()), InputError);
}
