#include <QApplication>
#include <QIcon>
#include <cstdio>

#include "gui/app/main_window.h"
#include "planner/base/error.h"
#include "planner/base/freed_memory.h"
#include "planner/cli/profiles.h"

namespace {

/// Opens what the command line names; 4 when there are no profiles to plan with.
int run(QApplication& app) {
    using namespace headroom;
    try {
        gui::MainWindow window(cli::load_library({}), gui::user_places());
        window.show();
        for (const auto& path : app.arguments().mid(1)) window.openPath(path);
        return QApplication::exec();
    } catch (const InputError& error) {
        std::fprintf(stderr, "headroom-gui: %s\n", error.what());
        return static_cast<int>(Exit::bad_input);
    }
}

}  // namespace

int main(int argc, char** argv) {
    headroom::keep_freed_memory();
    QApplication app(argc, argv);
    QApplication::setApplicationName(QStringLiteral("headroom"));
    QApplication::setDesktopFileName(QStringLiteral("headroom"));
    QApplication::setWindowIcon(QIcon(QStringLiteral(":/headroom.svg")));
    return run(app);
}
