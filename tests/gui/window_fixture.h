#pragma once

#include <QApplication>
#include <QTemporaryDir>
#include <QtTest>
#include <functional>
#include <string>

#include "gui/app/main_window.h"
#include "planner/import/model_source.h"
#include "tests/support/catch.h"

namespace headroom::test {

/// The one application of the test program, made by the first case that needs it; offscreen unless
/// the environment says otherwise. It lives as long as the program.
inline QApplication& application() {
    static int count = 1;
    static std::string name = "test_gui";
    static char* words[] = {name.data(), nullptr};
    if (!qEnvironmentVariableIsSet("QT_QPA_PLATFORM")) qputenv("QT_QPA_PLATFORM", "offscreen");
    static auto* app = new QApplication(count, words);
    return *app;
}

inline bool wait_for(const std::function<bool()>& holds, int ms = 30'000) {
    application();
    return QTest::qWaitFor(holds, ms);
}

inline Library library() {
    const std::filesystem::path root = HEADROOM_PROFILES;
    return {.profiles_root = root,
            .hardware = HardwareCatalog::load(root),
            .model = [root](const std::string& model, const std::string&) {
                return *load_model(model, root).spec;
            }};
}

inline QString qstring(const std::string& utf8) { return QString::fromStdString(utf8); }

/// A folder that a test's windows keep their files in.
struct Home {
    QTemporaryDir folder{};
    [[nodiscard]] gui::Places places() const { return {folder.path(), folder.path()}; }
    [[nodiscard]] QString file(const char* name) const {
        return folder.filePath(QString::fromUtf8(name));
    }
};

/// A real window on a home of its own. What is unsaved at its end is given up.
struct Window {
    Home home{};
    QApplication& app = application();
    gui::MainWindow main{library(), home.places()};

    Window() {
        main.setUnsavedQuestion([] { return gui::Unsaved::discard; });
        main.show();
        idle();
    }
    Window(const Window&) = delete;
    Window& operator=(const Window&) = delete;
    ~Window() { main.close(); }

    void idle() {
        REQUIRE(wait_for([this] { return main.session().planner.isIdle(); }));
        QApplication::processEvents();
    }
    template <class Widget>
    [[nodiscard]] Widget& find(const char* name) const {
        auto* widget = main.findChild<Widget*>(QString::fromUtf8(name));
        REQUIRE(widget != nullptr);
        return *widget;
    }
    /// Types into a box as a person does, and leaves it with Return.
    void type(const char* name, const char* keys) {
        auto& box = find<QWidget>(name);
        box.setFocus();
        if (auto* line = qobject_cast<QLineEdit*>(&box)) line->selectAll();
        if (auto* number = qobject_cast<QAbstractSpinBox*>(&box)) number->selectAll();
        QTest::keyClicks(&box, QString::fromUtf8(keys));
        QTest::keyClick(&box, Qt::Key_Return);
        idle();
    }
};

}  // namespace headroom::test
