#pragma once

#include <QBrush>
#include <QColor>
#include <QPainter>
#include <QPalette>
#include <QString>

#include "gui/models/row_model.h"

namespace headroom::gui {

enum class ThemeChoice { system, light, dark };
enum class Shade { light, dark };

/// The application's colours: the system's own, or one of two that every widget takes.
void applyTheme(ThemeChoice choice);
/// Which of the two a palette is.
Shade shadeOf(const QPalette& palette);

/// How a category of memory is drawn: a colour that colour-blind people tell from its neighbours
/// (after Okabe and Ito 2008) and a pattern that needs no colour at all.
struct CategoryStyle {
    QColor fill{};
    QColor line{};  ///< of the pattern
    Qt::BrushStyle pattern = Qt::NoBrush;
};
CategoryStyle categoryStyle(const QString& category);
/// Fill and pattern as one brush.
QBrush categoryBrush(const QString& category);
/// A rectangle in the category's style, drawn with lines so that it stays sharp on paper.
void paintCategory(QPainter& painter, const QRectF& box, const QString& category);

/// A ramp from 0 to 1 that rises evenly in lightness, so that colour-blind people and printers in
/// grey keep its order.
QColor rampColour(double share);

/// A colour on the way from one to another; opaque.
QColor mixed(const QColor& from, const QColor& to, double share);
/// Contrast ratio of two opaque colours, 1 to 21 (WCAG 2.2).
double contrast(const QColor& a, const QColor& b);

/// Colour of a tone on a background of that shade; secondary text has at least 4.5:1.
QColor toneColour(Tone tone, const QPalette& palette);

}  // namespace headroom::gui
