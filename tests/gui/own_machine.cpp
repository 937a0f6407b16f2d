#include <QPushButton>

#include "planner/base/json.h"
#include "planner/cli/profiles.h"
#include "tests/gui/requests.h"

using namespace headroom;
using namespace headroom::test;

namespace {

/// Measuring a machine multiplies matrices for some seconds, longer under sanitizers.
constexpr int kLongMs = 240'000;

}  // namespace

TEST_CASE("ThisMachineIsMeasuredAModelRunOnItAndItsProfileCalibrated") {
    // The real program, found as on anybody's machine; profiles of its own.
    const auto folder = QFileInfo(QStringLiteral(HEADROOM_RUN)).absolutePath();
    qputenv("PATH", folder.toUtf8() + ":" + qgetenv("PATH"));
    const QTemporaryDir config;
    qputenv("XDG_CONFIG_HOME", config.path().toUtf8());
    Window window;
    auto& main = window.main;
    window.type("model", "headroom/llama-15m");
    window.find<QPushButton>("this_machine").click();
    const auto& hardware = main.session().document.request().hardware;
    REQUIRE(wait_for([&] { return hardware.profile.vendor == "CPU"; }, kLongMs));
    CHECK(hardware.gpu.empty());  // it travels with the document
    window.type("sequence", "64");
    REQUIRE(main.session().planner.current());

    main.runPage().setSteps(2);
    main.runPage().startRun();
    REQUIRE(wait_for([&] { return main.runPage().findings().rowCount() > 0; }, kLongMs));
    REQUIRE(wait_for([&] { return !main.runPage().process().isRunning(); }, kLongMs));
    const auto& table = main.runPage().findings();
    for (int row = 0; row < table.rowCount(); ++row) {
        const auto cell = [&](int column) { return table.index(row, column).data().toString(); };
        INFO(cell(0).toStdString() << " " << cell(1).toStdString() << " " << cell(4).toStdString());
        const bool exact = cell(0) == QLatin1String("FLOPs") || cell(1).contains(u"arena");
        if (exact) CHECK(cell(4).contains(QLatin1Char('=')));
    }

    auto& calibrate = window.find<QPushButton>("calibrate");
    CHECK(calibrate.isEnabled());
    calibrate.click();
    const auto kept = cli::user_hardware();
    REQUIRE(std::filesystem::is_directory(kept));
    const auto catalog = HardwareCatalog::load(HEADROOM_PROFILES, {kept});
    CHECK(catalog.gpu(hardware.profile.id, "").vendor == "CPU");
    qunsetenv("XDG_CONFIG_HOME");
}
