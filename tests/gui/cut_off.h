#pragma once

#include <QtWidgets>

namespace headroom::test {

/// Every visible word of a window that has less room than it needs, as a sentence each: labels,
/// buttons, boxes, tabs, headings and cells of tables, and tables or areas wider than their place.
QStringList cut_off(const QWidget& window);

}  // namespace headroom::test
