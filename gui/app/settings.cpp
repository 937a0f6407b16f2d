#include "gui/app/settings.h"

#include <QStandardPaths>

namespace headroom::gui {

Places user_places() {
    return {QStandardPaths::writableLocation(QStandardPaths::AppConfigLocation),
            QStandardPaths::writableLocation(QStandardPaths::AppDataLocation)};
}

}  // namespace headroom::gui
