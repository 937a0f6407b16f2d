#pragma once

#include <span>

namespace headroom::gui {

class MainWindow;

/// One thing the window does: menus, keys and the palette all read this.
struct ActionRow {
    const char* id = "";
    const char* words = "";
    const char* menu = "";
    const char* keys = "";
    void (MainWindow::*run)() = nullptr;
    const char* tip = "";
};

std::span<const ActionRow> action_rows();

}  // namespace headroom::gui
