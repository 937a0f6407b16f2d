#include <QScrollArea>
#include <QStatusBar>

#include "planner/base/json.h"
#include "tests/gui/requests.h"

using namespace headroom;
using namespace headroom::test;
using namespace headroom::gui;

namespace {

QString exported(Window& window, const char* name) {
    const auto file = window.home.file(name);
    REQUIRE(window.main.exportTo(file));
    return QString::fromStdString(read_text_file(file.toStdString()));
}

}  // namespace

TEST_CASE("ATableThatThePageDoesNotShowIsNotExported") {
    Window window;
    auto request = llama8b("h100-sxm5-80gb", 8);
    request.engine = "fsdp";
    window.main.session().document.replace(request, {});
    window.idle();
    const auto name = QStringLiteral("Forecast of the framework");
    CHECK(exported(window, "a.csv").contains(name));
    request.engine = PlanRequest{}.engine;
    window.main.session().document.replace(request, {});
    window.idle();
    CHECK_FALSE(exported(window, "a.csv").contains(name));
    CHECK_FALSE(exported(window, "a.md").contains(name));
}

TEST_CASE("APictureHoldsThePageBeyondWhatIsInView") {
    Window window;
    window.main.session().document.replace(llama8b("h100-sxm5-80gb", 8), {});
    window.idle();
    window.main.resize(1280, 700);
    QTest::qWait(60);
    const auto* area = window.main.planPage().findChild<QScrollArea*>();
    const QSize all = area->widget()->size();
    REQUIRE(all.height() > area->viewport()->height());
    exported(window, "a.png");
    CHECK(QImage(window.home.file("a.png")).size() == all * window.main.devicePixelRatio());
    CHECK(
        exported(window, "a.svg")
            .contains(QStringLiteral("viewBox=\"0 0 %1 %2\"").arg(all.width()).arg(all.height())));
}

TEST_CASE("AnExportSaysThatItIsWrittenOrWhyNot") {
    Window window;
    auto& main = window.main;
    for (const auto* suffix : {"svg", "png"}) {
        main.messages().hide();
        CHECK_FALSE(main.exportTo(QStringLiteral("/nowhere/at/all.") + QString::fromUtf8(suffix)));
        CHECK(main.messages().isVisible());
    }
    main.messages().hide();
    CHECK_FALSE(main.exportTo(window.home.file("empty.csv")));
    CHECK(main.messages().sentence().contains(QLatin1String("no table with rows")));
    CHECK_FALSE(QFileInfo::exists(window.home.file("empty.csv")));
    main.session().document.replace(llama8b("h100-sxm5-80gb", 8), {});
    window.idle();
    exported(window, "a.svg");
    CHECK(main.statusBar()->currentMessage().contains(window.home.file("a.svg")));
}
