#include "gui/views/theme.h"

#include <QApplication>
#include <QPixmap>
#include <algorithm>
#include <array>
#include <cmath>

#include "gui/views/outlined_style.h"

namespace headroom::gui {
namespace {

struct CategoryRow {
    const char* name;
    QRgb fill;
    Qt::BrushStyle pattern;
};
/// Okabe and Ito, "Color Universal Design" (2008); two greys beside them.
constexpr std::array kCategories{
    CategoryRow{"parameters", 0xff0072b2, Qt::NoBrush},
    CategoryRow{"master", 0xff56b4e9, Qt::BDiagPattern},
    CategoryRow{"gradients", 0xffe69f00, Qt::NoBrush},
    CategoryRow{"optimizer", 0xff009e73, Qt::FDiagPattern},
    CategoryRow{"activations", 0xffd55e00, Qt::HorPattern},
    CategoryRow{"logits", 0xfff0e442, Qt::VerPattern},
    CategoryRow{"workspace", 0xffcc79a7, Qt::NoBrush},
    CategoryRow{"communication", 0xff8c6bb1, Qt::CrossPattern},
    CategoryRow{"reserved", 0xff8a8f98, Qt::DiagCrossPattern},
};

constexpr int kTile = 8;  ///< pixels after which a pattern repeats

QPalette palette_of(Shade shade) {
    const bool dark = shade == Shade::dark;
    const QColor window = dark ? QColor(0x20, 0x23, 0x28) : QColor(0xf4, 0xf5, 0xf7);
    const QColor base = dark ? QColor(0x17, 0x1a, 0x1e) : QColor(0xff, 0xff, 0xff);
    const QColor ink = dark ? QColor(0xe6, 0xe8, 0xeb) : QColor(0x1b, 0x1f, 0x24);
    const QColor faint = dark ? QColor(0x8e, 0x96, 0xa0) : QColor(0x6a, 0x72, 0x7c);
    QPalette palette;
    palette.setColor(QPalette::Window, window);
    palette.setColor(QPalette::WindowText, ink);
    palette.setColor(QPalette::Base, base);
    palette.setColor(QPalette::AlternateBase,
                     dark ? QColor(0x1d, 0x21, 0x26) : QColor(0xf7, 0xf8, 0xfa));
    palette.setColor(QPalette::Text, ink);
    palette.setColor(QPalette::Button, dark ? QColor(0x2b, 0x2f, 0x36) : QColor(0xe9, 0xeb, 0xee));
    palette.setColor(QPalette::ButtonText, ink);
    palette.setColor(QPalette::ToolTipBase,
                     dark ? QColor(0x2f, 0x34, 0x3b) : QColor(0xff, 0xff, 0xe8));
    palette.setColor(QPalette::ToolTipText, ink);
    palette.setColor(QPalette::PlaceholderText, faint);
    palette.setColor(QPalette::Highlight,
                     dark ? QColor(0x2f, 0x6f, 0xb3) : QColor(0x1f, 0x6f, 0xc4));
    palette.setColor(QPalette::HighlightedText, Qt::white);
    palette.setColor(QPalette::Link, dark ? QColor(0x7a, 0xb8, 0xff) : QColor(0x0a, 0x58, 0xb0));
    for (const auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText}) {
        palette.setColor(QPalette::Disabled, role, faint);
    }
    return palette;
}

void draw_lines(QPainter& painter, const QRectF& box, Qt::BrushStyle pattern) {
    const double high = box.height();
    for (double x = -high; x < box.width(); x += kTile) {
        const double left = box.left() + x;
        if (pattern == Qt::BDiagPattern || pattern == Qt::DiagCrossPattern) {
            painter.drawLine(QPointF(left, box.bottom()), QPointF(left + high, box.top()));
        }
        if (pattern == Qt::FDiagPattern || pattern == Qt::DiagCrossPattern) {
            painter.drawLine(QPointF(left, box.top()), QPointF(left + high, box.bottom()));
        }
    }
    const bool across = pattern == Qt::HorPattern || pattern == Qt::CrossPattern;
    for (double y = kTile / 2.0; across && y < high; y += kTile) {
        painter.drawLine(QPointF(box.left(), box.top() + y), QPointF(box.right(), box.top() + y));
    }
    const bool upright = pattern == Qt::VerPattern || pattern == Qt::CrossPattern;
    for (double x = kTile / 2.0; upright && x < box.width(); x += kTile) {
        painter.drawLine(QPointF(box.left() + x, box.top()), QPointF(box.left() + x, box.bottom()));
    }
}

}  // namespace

void applyTheme(ThemeChoice choice) {
    QApplication::setStyle(new OutlinedStyle);
    if (choice == ThemeChoice::system) {
        QApplication::setPalette(QPalette());  // the platform's, now and whenever it changes
    } else {
        QApplication::setPalette(
            palette_of(choice == ThemeChoice::dark ? Shade::dark : Shade::light));
    }
}

Shade shadeOf(const QPalette& palette) {
    return palette.color(QPalette::Window).lightness() < 128 ? Shade::dark : Shade::light;
}

CategoryStyle categoryStyle(const QString& category) {
    for (const auto& row : kCategories) {
        if (category != QLatin1String(row.name)) continue;
        const QColor fill = QColor::fromRgb(row.fill);
        const bool pale = fill.lightness() > 110;
        return {fill, pale ? QColor(0, 0, 0, 110) : QColor(255, 255, 255, 130), row.pattern};
    }
    return {QColor(0x8a, 0x8f, 0x98), QColor(0, 0, 0, 110), Qt::NoBrush};
}

QBrush categoryBrush(const QString& category) {
    const auto style = categoryStyle(category);
    if (style.pattern == Qt::NoBrush) return style.fill;
    QPixmap tile(kTile, kTile);
    tile.fill(style.fill);
    QPainter painter(&tile);
    painter.setPen(QPen(style.line, 1.0));
    draw_lines(painter, QRectF(0, 0, kTile, kTile), style.pattern);
    return tile;
}

void paintCategory(QPainter& painter, const QRectF& box, const QString& category) {
    const auto style = categoryStyle(category);
    painter.save();
    painter.fillRect(box, style.fill);
    if (style.pattern != Qt::NoBrush) {
        painter.setClipRect(box, Qt::IntersectClip);
        painter.setPen(QPen(style.line, 1.0));
        draw_lines(painter, box, style.pattern);
    }
    painter.restore();
}

QColor rampColour(double share) {
    // Viridis (van der Walt and Smith 2015) at quarters.
    constexpr std::array<QRgb, 5> kStops{0xff440154, 0xff3b528b, 0xff21918c, 0xff5ec962,
                                         0xfffde725};
    const double at = std::clamp(share, 0.0, 1.0) * (kStops.size() - 1);
    const auto below = std::min(static_cast<std::size_t>(at), kStops.size() - 2);
    const double part = at - static_cast<double>(below);
    return mixed(QColor::fromRgb(kStops[below]), QColor::fromRgb(kStops[below + 1]), part);
}

QColor mixed(const QColor& from, const QColor& to, double share) {
    const auto part = [share](float a, float b) { return static_cast<float>(a + share * (b - a)); };
    return QColor::fromRgbF(part(from.redF(), to.redF()), part(from.greenF(), to.greenF()),
                            part(from.blueF(), to.blueF()));
}

double contrast(const QColor& a, const QColor& b) {
    const auto linear = [](double part) {
        return part <= 0.04045 ? part / 12.92 : std::pow((part + 0.055) / 1.055, 2.4);
    };
    const auto luminance = [&](const QColor& colour) {
        return 0.2126 * linear(colour.redF()) + 0.7152 * linear(colour.greenF()) +
               0.0722 * linear(colour.blueF());
    };
    const auto [low, high] = std::minmax({luminance(a), luminance(b)});
    return (high + 0.05) / (low + 0.05);
}

namespace {

/// The palette's colour of secondary text, with as much of the text's own as it takes to be read.
QColor faint_colour(const QPalette& palette) {
    constexpr double kLegible = 4.5;  // WCAG 2.2, 1.4.3
    const QColor base = palette.color(QPalette::Base);
    const QColor window = palette.color(QPalette::Window);
    const QColor ink = palette.color(QPalette::Text);
    const QColor chosen = palette.color(QPalette::PlaceholderText);
    QColor out = mixed(base, chosen, chosen.alphaF());
    const auto legible = [&] {
        return std::min(contrast(out, base), contrast(out, window)) >= kLegible;
    };
    for (int tenths = 1; tenths <= 10 && !legible(); ++tenths) {
        out = mixed(mixed(base, chosen, chosen.alphaF()), ink, tenths / 10.0);
    }
    return out;
}

}  // namespace

QColor toneColour(Tone tone, const QPalette& palette) {
    const bool dark = shadeOf(palette) == Shade::dark;
    switch (tone) {
        case Tone::good:
            return dark ? QColor(0x4f, 0xd0, 0x9c) : QColor(0x00, 0x6b, 0x4a);
        case Tone::warning:
            return dark ? QColor(0xf2, 0xb1, 0x34) : QColor(0x8a, 0x55, 0x00);
        case Tone::bad:
            return dark ? QColor(0xff, 0x8a, 0x65) : QColor(0xb0, 0x3a, 0x00);
        case Tone::faint:
            return faint_colour(palette);
        case Tone::plain:
        case Tone::heading:
            return palette.color(QPalette::Text);
    }
    return palette.color(QPalette::Text);
}

}  // namespace headroom::gui
