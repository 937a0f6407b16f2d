#include <csignal>

#include "gui/jobs/run_process.h"
#include "planner/base/json.h"
#include "planner/base/written_file.h"
#include "tests/gui/requests.h"

using namespace headroom;
using namespace headroom::test;
using gui::RunProcess;

namespace {

/// What a child of the folder children/ told until it ended.
struct Told {
    std::vector<gui::LiveStep> steps{};
    std::vector<Measurement> measurements{};
    QString device{};
    QString silence{};
    QString end{};
};

/// Lines that a real run printed; the last one holds a measurement as it is written today.
QString lines_file() {
    static const QTemporaryDir folder;
    const auto file = folder.filePath(QStringLiteral("lines"));
    const auto steps = read_text_file(HEADROOM_TEST_DATA "/gui/data/run_lines.jsonl");
    const Json end{{"event", "end"}, {"measurement", measurement_document()}};
    write_file_atomically(file.toStdString(), steps + end.dump() + "\n");
    return file;
}

gui::RunSetup child(const char* name) {
    qputenv("HEADROOM_TEST_LINES", lines_file().toUtf8());
    return {
        .program = QStringLiteral(HEADROOM_TEST_DATA "/gui/children/") + QString::fromUtf8(name),
        .silenceMs = 60'000,
        .killMs = 300};
}

void listen(RunProcess& run, Told& told) {
    QObject::connect(&run, &RunProcess::stepped,
                     [&](const auto& step) { told.steps.push_back(step); });
    QObject::connect(&run, &RunProcess::measured,
                     [&](const auto& each) { told.measurements.push_back(each); });
    QObject::connect(&run, &RunProcess::started,
                     [&](const QString& device) { told.device = device; });
    QObject::connect(&run, &RunProcess::silent,
                     [&](const QString& sentence) { told.silence = sentence; });
    QObject::connect(&run, &RunProcess::ended,
                     [&](const QString& sentence) { told.end = sentence; });
}

Told run_to_end(const gui::RunSetup& setup) {
    application();
    Told told;
    RunProcess run;
    listen(run, told);
    run.start(setup, "{}");
    CHECK(wait_for([&] { return !told.end.isEmpty(); }));
    CHECK_FALSE(run.isRunning());
    return told;
}

}  // namespace

TEST_CASE("ARunIsToldStepByStepAndEndsInASentence") {
    const auto told = run_to_end(child("streams.sh"));
    CHECK(told.device.contains(QLatin1String("EPYC")));
    REQUIRE(told.steps.size() == 4);
    CHECK(told.steps[0].loss == Approx(5.6289).epsilon(1e-4));
    CHECK(told.steps[3].step == 3);
    CHECK(told.steps[3].steps == 4);
    CHECK(told.steps[0].memory == Bytes{245894144});
    REQUIRE(told.measurements.size() == 1);
    CHECK(told.measurements[0].steps.size() == 4);
    CHECK(told.end.contains(QLatin1String("outside its tolerance")));
}

TEST_CASE("AChildThatDiesBecomesASentenceWithItsLastWords") {
    const auto told = run_to_end(child("dies.sh"));
    CHECK(told.steps.size() == 1);
    CHECK(told.end.contains(QLatin1String("died")));
    CHECK(told.end.contains(QLatin1String("something went very wrong")));
}

TEST_CASE("AChildThatPrintsRubbishBecomesASentence") {
    const auto told = run_to_end(child("rubbish.sh"));
    CHECK(told.steps.empty());
    CHECK(told.measurements.empty());
    CHECK(told.end.contains(QLatin1String("could not be understood")));
}

TEST_CASE("AChildThatCannotBeStartedBecomesASentence") {
    const auto told = run_to_end({.program = QStringLiteral("/nonexistent/headroom-run")});
    CHECK(told.end.contains(QLatin1String("could not be started")));
}

TEST_CASE("AChildThatHangsIsToldAndEndedOnRequest") {
    application();
    Told told;
    RunProcess run;
    listen(run, told);
    auto setup = child("hangs.sh");
    setup.silenceMs = 200;
    run.start(setup, "{}");
    REQUIRE(wait_for([&] { return !told.silence.isEmpty(); }));
    CHECK(run.isRunning());
    run.stop();
    REQUIRE(wait_for([&] { return !told.end.isEmpty(); }));
    CHECK(told.end.contains(QLatin1String("was ended")));
}

TEST_CASE("ClosingTheWindowDuringARunLeavesNoChildBehind") {
    qint64 pid = 0;
    {
        Window window;
        auto& run = window.main.runPage();
        run.setSetup(child("hangs.sh"));
        window.main.openPath(QStringLiteral(HEADROOM_TEST_DATA "/gui/data/request.json"));
        window.idle();
        QString device;
        QObject::connect(&run.process(), &RunProcess::started,
                         [&](const QString& each) { device = each; });
        run.startRun();
        REQUIRE(wait_for([&] { return !device.isEmpty(); }));
        pid = run.process().pid();
        REQUIRE(pid > 0);
        REQUIRE(::kill(static_cast<pid_t>(pid), 0) == 0);
    }
    CHECK(wait_for([&] { return ::kill(static_cast<pid_t>(pid), 0) != 0; }, 5000));
}
