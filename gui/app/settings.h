#pragma once

#include <QString>
#include <QStringList>

#include "gui/models/figures.h"
#include "gui/views/theme.h"

namespace headroom::gui {

/// Where a window keeps what outlives it.
struct Places {
    QString config{};  ///< settings and recent files
    QString state{};   ///< autosaves

    [[nodiscard]] QString settingsFile() const { return config + QStringLiteral("/window.ini"); }
    [[nodiscard]] QString recentFile() const { return config + QStringLiteral("/recent.json"); }
};
/// The XDG folders of the person at the machine.
Places user_places();

}  // namespace headroom::gui
