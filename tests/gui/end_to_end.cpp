#include <QPixmap>
#include <QScrollArea>
#include <QStatusBar>
#include <array>
#include <cstdio>

#include "planner/base/json.h"
#include "planner/base/written_file.h"
#include "tests/gui/requests.h"

using namespace headroom;
using namespace headroom::test;

namespace {

/// Where screenshots go: HEADROOM_SHOTS, else a folder that goes with the test.
class Shots {
public:
    Shots() {
        if (m_folder.isEmpty()) m_folder = m_own.path();
        QDir().mkpath(m_folder);
    }

    /// The window as it is.
    void take(Window& window, const char* name) {
        QTest::qWait(30);
        const QImage picture = window.main.grab().toImage();
        CHECK(colours(picture) > 20);
        CHECK(picture.save(QStringLiteral("%1/%2.png").arg(m_folder, QString::fromUtf8(name))));
    }

    /// Every page at a size in a theme; a picture of one colour is no picture.
    void take(Window& window, gui::ThemeChoice theme, QSize size) {
        window.main.setTheme(theme);
        window.main.resize(size);
        window.main.statusBar()->clearMessage();  // names a file of this test
        auto& pages = window.main.pages();
        for (int page = 0; page < pages.count(); ++page) {
            pages.setCurrentIndex(page);
            QTest::qWait(30);
            const QImage picture = window.main.grab().toImage();
            CHECK(picture.size() == size * window.main.devicePixelRatio());
            CHECK(colours(picture) > 20);
            const auto name = pages.tabText(page).remove(QLatin1Char('&')).toLower();
            const auto shade = theme == gui::ThemeChoice::dark ? "dark" : "light";
            CHECK(picture.save(QStringLiteral("%1/%2-%3-%4.png")
                                   .arg(m_folder, name, QString::fromUtf8(shade))
                                   .arg(size.width())));
        }
    }

private:
    static qsizetype colours(const QImage& picture) {
        QSet<QRgb> seen;
        for (int y = 0; y < picture.height(); y += 3) {
            for (int x = 0; x < picture.width(); x += 3) seen.insert(picture.pixel(x, y));
        }
        return seen.size();
    }

    QTemporaryDir m_own{};
    QString m_folder = qEnvironmentVariable("HEADROOM_SHOTS");
};

/// What `headroom predict --json` says about a file.
Json predicted_by_program(const QString& file) {
    const auto command = "HEADROOM_PROFILES=" HEADROOM_PROFILES
                         " XDG_CONFIG_HOME=/nonexistent " HEADROOM_PROGRAM " predict --json '" +
                         file.toStdString() + "'";
    std::string out;
    std::FILE* pipe = ::popen(command.c_str(), "r");  // NOLINT(cert-env33-c)
    std::array<char, 4096> block{};
    while (const auto got = std::fread(block.data(), 1, block.size(), pipe)) {
        out.append(block.data(), got);
    }
    ::pclose(pipe);
    return parse_json(out, "headroom predict");
}

bool fits(gui::MainWindow& main) {
    const auto& plan = main.session().planner.current();
    return plan && std::holds_alternative<Fits>(plan->verdict);
}

}  // namespace

TEST_CASE("APersonGetsFromAnEmptyWindowToAPlanThatFitsAndThatTheProgramConfirms") {
    Window window;
    auto& main = window.main;
    CHECK(main.planPage().badgeWord() == QLatin1String("No plan"));
    window.type("model", "llama-3.1 8b");
    CHECK(main.session().document.request().model_name == "meta-llama/Llama-3.1-8B");
    CHECK_FALSE(main.session().planner.current());
    window.type("gpu", "4090");
    CHECK(main.session().document.request().hardware.profile.id == "rtx-4090");
    window.type("sequence", "2048");
    REQUIRE(main.session().planner.current());
    CHECK_FALSE(fits(main));
    CHECK(main.planPage().badgeWord().contains(QLatin1String("Does not fit")));
    Shots shots;
    main.requestPage().disclose(true);
    QTest::qWait(30);
    for (const auto* area : main.requestPage().findChildren<QScrollArea*>()) {
        CHECK(area->widget()->width() <= area->viewport()->width());
    }
    shots.take(window, "settings");
    main.requestPage().disclose(false);

    main.findChild<QAction*>(QStringLiteral("first_fit"))->trigger();
    window.idle();
    REQUIRE(fits(main));
    CHECK(main.planPage().badgeWord().contains(QLatin1String("Fits")));

    const auto file = window.home.file("exported.json");
    REQUIRE(main.exportTo(file));
    const Json ours = read_json_file(file.toStdString());
    const Json theirs = predicted_by_program(file);
    CHECK(ours.at("predicted") == theirs.at("predicted"));
    CHECK(ours.at("verdict") == theirs.at("verdict"));
    CHECK(ours.at("step") == theirs.at("step"));

    main.comparePage().keepPresent();
    window.type("sequence", "4096");
    main.comparePage().keepPresent();
    main.comparePage().setBaseline(0);
    const auto plan = main.session().document.request();
    main.openPath(QStringLiteral(HEADROOM_TEST_DATA "/gui/data/request.json"));
    window.idle();
    const auto measured = window.home.file("measurement.json");
    write_file_atomically(measured.toStdString(), measurement_document().dump());
    main.openPath(measured);
    CHECK(main.runPage().findings().rowCount() > 0);
    main.session().document.replace(plan, {});
    window.idle();
    main.findChild<QAction*>(QStringLiteral("search"))->trigger();
    window.idle();
    CHECK(main.plansPage().candidates().rowCount() > 0);

    for (const auto theme : {gui::ThemeChoice::light, gui::ThemeChoice::dark}) {
        for (const QSize size : {QSize(1280, 800), QSize(2560, 1440)}) {
            shots.take(window, theme, size);
        }
    }
    main.setTheme(gui::ThemeChoice::system);
}
