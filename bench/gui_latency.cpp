#include <QApplication>
#include <QTemporaryDir>
#include <QtTest>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "gui/app/main_window.h"
#include "gui/document/edits.h"
#include "planner/base/freed_memory.h"
#include "planner/import/model_source.h"

// From a key press in the window to the painted plan, and how long a search keeps the window from
// answering. Runs offscreen unless QT_QPA_PLATFORM says otherwise.

namespace {

using namespace headroom;
using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point begin) {
    return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

void report(const char* what, std::vector<double> ms) {
    std::ranges::sort(ms);
    const auto at = [&](double share) {
        return ms[static_cast<std::size_t>(share * static_cast<double>(ms.size() - 1))];
    };
    std::printf("%-44s p50 %7.2f ms   p99 %7.2f ms   most %7.2f ms   of %zu\n", what, at(0.5),
                at(0.99), ms.back(), ms.size());
}

/// Notes when a widget paints the plan of the last request; until it is there none is current.
class PaintWatch : public QObject {
public:
    PaintWatch(QWidget& widget, const gui::Planner& planner) : m_planner(planner) {
        widget.installEventFilter(this);
    }
    bool painted = false;

protected:
    bool eventFilter(QObject*, QEvent* event) override {
        painted = painted || (event->type() == QEvent::Paint && m_planner.current());
        return false;
    }

private:
    const gui::Planner& m_planner;
};

PlanRequest llama405b(const Library& library) {
    auto request = gui::with_model(gui::empty_request(), "meta-llama/Llama-3.1-405B",
                                   library.model("meta-llama/Llama-3.1-405B", ""));
    request = gui::with_gpu(request, "h100-sxm5-80gb", library.hardware.gpu("h100-sxm5-80gb", ""));
    request = gui::with_gpus(request, 128);
    request.layout.zero = 3;
    request.recompute.mode = RecomputeMode::layer;
    return request;
}

/// Waits without sleeping, as a person's next key would be handled at once.
template <class Holds>
void spin(const Holds& holds) {
    while (!holds()) QApplication::processEvents(QEventLoop::WaitForMoreEvents);
}

/// Keys into the sequence box; each is timed until its own plan is on the screen.
std::vector<double> key_presses(gui::MainWindow& window, int count) {
    auto& planner = window.session().planner;
    auto& box = *window.findChild<QWidget*>(QStringLiteral("sequence"));
    box.setFocus();
    PaintWatch paint(window.planPage().bar(), planner);
    std::vector<double> out;
    for (int i = 0; i < count; ++i) {
        spin([&] { return planner.isIdle(); });
        const auto begin = Clock::now();
        paint.painted = false;
        QTest::keyClick(&box, i % 2 == 0 ? Qt::Key_Down : Qt::Key_Up);
        spin([&] { return paint.painted; });
        out.push_back(milliseconds_since(begin));
    }
    return out;
}

/// Gaps between the window's turns while a search runs.
std::vector<double> gaps_while_searching(gui::MainWindow& window) {
    std::vector<double> out;
    QTimer beat;
    auto last = Clock::now();
    QObject::connect(&beat, &QTimer::timeout, [&] {
        out.push_back(milliseconds_since(last));
        last = Clock::now();
    });
    beat.start(1);
    window.searchPlans();
    spin([&] { return !window.session().planner.isSearching(); });
    return out;
}

}  // namespace

int main(int argc, char** argv) {
    if (!qEnvironmentVariableIsSet("QT_QPA_PLATFORM")) qputenv("QT_QPA_PLATFORM", "offscreen");
    keep_freed_memory();
    QApplication app(argc, argv);
    const std::filesystem::path root = HEADROOM_PROFILES;
    Library library{.profiles_root = root,
                    .hardware = HardwareCatalog::load(root),
                    .model = [root](const std::string& name, const std::string&) {
                        return *load_model(name, root).spec;
                    }};
    const QTemporaryDir home;
    gui::MainWindow window(library, {home.path(), home.path()});
    window.setUnsavedQuestion([] { return gui::Unsaved::discard; });
    window.show();
    window.session().document.replace(llama405b(library), {});
    key_presses(window, 5);
    report("key press to painted plan, Llama-3.1-405B", key_presses(window, 200));
    report("gap between turns during a search", gaps_while_searching(window));
    window.close();
}
