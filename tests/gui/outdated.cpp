#include <QLabel>
#include <QStatusBar>
#include <QtCharts/QLineSeries>
#include <QtCharts/QValueAxis>
#include <algorithm>

#include "planner/base/json.h"
#include "planner/base/written_file.h"
#include "tests/gui/requests.h"

using namespace headroom;
using namespace headroom::test;
using namespace headroom::gui;

namespace {

void show(Window& window, const PlanRequest& request) {
    window.main.session().document.replace(request, {});
    window.idle();
}

PlanRequest impossible() {
    auto request = llama8b("h100-sxm5-80gb", 8);
    request.layout.tensor = 3;
    return request;
}

LiveStep step_of(qint64 step, qint64 steps) {
    return {.step = step, .steps = steps, .loss = 5.0, .memory = Bytes{1 << 30}};
}

}  // namespace

TEST_CASE("NothingOfAPlanIsLeftWhenTheRequestIsRefused") {
    Window window;
    auto& main = window.main;
    auto request = llama8b("rtx-4090", 1);
    request.engine = "fsdp";
    show(window, request);
    REQUIRE(main.ladderPage().rungs().rowCount() > 0);
    const auto& step = window.find<QLabel>("step");
    CHECK(step.text().contains(QLatin1String("digest")));
    for (const auto& none : {empty_request(), impossible()}) {
        show(window, none);
        CHECK(main.ladderPage().rungs().rowCount() == 0);
        CHECK(window.find<QLabel>("ladder_lead").text().startsWith(QLatin1String("No ladder: ")));
        CHECK_FALSE(main.planPage().forecast().isVisible());
        CHECK(step.text().isEmpty());
        main.adoptFirstFit();
        CHECK(main.messages().sentence().contains(QLatin1String("no ladder yet")));
        CHECK(main.session().document.request() == none);
        show(window, request);
    }
}

TEST_CASE("ALadderOfTheRequestBeforeIsNotAdopted") {
    Window window;
    show(window, llama8b("rtx-4090", 1));
    const auto next = llama8b("h100-sxm5-80gb", 8);
    window.main.session().document.replace(next, {});
    window.main.adoptFirstFit();
    CHECK(window.main.session().document.request() == next);
    CHECK(window.main.messages().sentence().contains(QLatin1String("being worked out")));
}

TEST_CASE("AdoptingARungKeepsTheBatch") {
    Window window;
    auto request = llama8b("h100-sxm5-80gb", 8);
    request.train.micro_batch = 2;
    request.train.accumulation = 4;
    show(window, request);
    window.main.adoptFirstFit();
    const auto& adopted = window.main.session().document.request();
    CHECK(adopted != request);
    CHECK(batch_of(adopted) == batch_of(request));
    CHECK(window.find<QLabel>("ladder_lead").text().contains(QLatin1String("one sequence a GPU")));
}

TEST_CASE("AMessageGoesWithWhatItWasAboutAndAnOfferStays") {
    Window window;
    show(window, llama8b("h100-sxm5-80gb", 8));
    window.type("gpu", "z9000");
    CHECK(window.main.messages().isVisible());
    window.type("gpu", "4090");
    CHECK_FALSE(window.main.messages().isVisible());
    window.main.messages().offer(QStringLiteral("a plan"), QStringLiteral("Recover"), nullptr);
    window.type("gpus", "2");
    CHECK(window.main.messages().isVisible());
}

TEST_CASE("WhatAMenuSaysDoesNotTakeTheDigestAway") {
    Window window;
    show(window, llama8b("h100-sxm5-80gb", 8));
    QStatusTipEvent tip(QStringLiteral("Saves the plan"));
    QApplication::sendEvent(&window.main, &tip);
    QStatusTipEvent none((QString()));
    QApplication::sendEvent(&window.main, &none);
    const auto& step = window.find<QLabel>("step");
    CHECK(step.isVisible());
    CHECK(step.text().contains(QLatin1String("digest")));
}

TEST_CASE("TheKeyForTheSettingsFollowsTheButton") {
    Window window;
    const auto& form = window.main.requestPage().form();
    window.main.requestPage().disclose(true);
    window.main.toggleSettings();
    CHECK(form.isHidden());
    window.main.toggleSettings();
    CHECK_FALSE(form.isHidden());
}

TEST_CASE("AMeasurementOfAnotherPlanLeavesNothingOfTheOneBefore") {
    Window window;
    auto& run = window.main.runPage();
    const auto file = window.home.file("measurement.json");
    write_file_atomically(file.toStdString(), measurement_document().dump());
    show(window, measured_plan().request);
    window.main.openPath(file);
    REQUIRE(run.findings().rowCount() > 0);
    const auto& subject = window.find<QLabel>("subject");
    CHECK(subject.isVisible());
    CHECK(subject.text().contains(qstring(measured_plan().predicted.digest)));
    show(window, llama8b("h100-sxm5-80gb", 8));
    CHECK(subject.text().contains(qstring(measured_plan().predicted.digest)));
    window.main.openPath(file);
    CHECK(run.findings().rowCount() == 0);
    CHECK_FALSE(subject.isVisible());
    CHECK_FALSE(window.find<QPushButton>("calibrate").isEnabled());
    CHECK_FALSE(window.main.findChild<LiveChart*>()->chart()->isVisible());
}

TEST_CASE("TheChartOfARunHasWholeStepsAndShowsASingleOne") {
    application();
    LiveChart view;
    CHECK_FALSE(view.chart()->isVisible());
    view.add(step_of(0, 12));
    CHECK(view.chart()->isVisible());
    for (const auto* series : view.chart()->series()) {
        CHECK(static_cast<const QLineSeries*>(series)->pointsVisible());
    }
    for (qint64 step = 1; step < 12; ++step) view.add(step_of(step, 12));
    const auto* x = static_cast<QValueAxis*>(view.chart()->axes(Qt::Horizontal).front());
    CHECK(x->tickCount() > 3);
    CHECK(x->max() <= 15.0);
    for (const auto* series : view.chart()->series()) {
        CHECK_FALSE(static_cast<const QLineSeries*>(series)->pointsVisible());
    }
}
