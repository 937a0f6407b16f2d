#pragma once

#include <QtCharts/QChart>
#include <QtCharts/QValueAxis>

class QPalette;

namespace headroom::gui {

/// A chart in the window's own colours and font, without animation or frame.
void style_chart(QChart& chart, const QPalette& palette);
/// From zero to a round number above `most`.
void set_range(QValueAxis& axis, double most);

}  // namespace headroom::gui
