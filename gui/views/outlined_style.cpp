#include "gui/views/outlined_style.h"

#include <QPainter>
#include <QStyleOption>

#include "gui/views/theme.h"

namespace headroom::gui {
namespace {

/// The focus has an outline of its own.
void draw_outline(QPainter& painter, const QStyleOption& option) {
    const bool focused = (option.state & QStyle::State_HasFocus) != 0;
    if (shadeOf(option.palette) == Shade::light || focused) return;
    constexpr double kShare = 0.4;
    const QColor colour = mixed(option.palette.color(QPalette::Window),
                                option.palette.color(QPalette::WindowText), kShare);
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(colour);
    painter.setBrush(Qt::NoBrush);
    painter.drawRoundedRect(QRectF(option.rect).adjusted(0.5, 0.5, -0.5, -0.5), 2.0, 2.0);
    painter.restore();
}

}  // namespace

OutlinedStyle::OutlinedStyle() : QProxyStyle(QStringLiteral("Fusion")) {}

void OutlinedStyle::drawPrimitive(PrimitiveElement element, const QStyleOption* option,
                                  QPainter* painter, const QWidget* widget) const {
    QProxyStyle::drawPrimitive(element, option, painter, widget);
    if (element == PE_FrameLineEdit || element == PE_IndicatorCheckBox) {
        draw_outline(*painter, *option);
    }
}

void OutlinedStyle::drawComplexControl(ComplexControl control, const QStyleOptionComplex* option,
                                       QPainter* painter, const QWidget* widget) const {
    QProxyStyle::drawComplexControl(control, option, painter, widget);
    if (control == CC_ComboBox || control == CC_SpinBox) draw_outline(*painter, *option);
}

QSize OutlinedStyle::sizeFromContents(ContentsType type, const QStyleOption* option,
                                      const QSize& size, const QWidget* widget) const {
    QSize out = QProxyStyle::sizeFromContents(type, option, size, widget);
    const auto* button = qstyleoption_cast<const QStyleOptionToolButton*>(option);
    if (type != CT_ToolButton || button == nullptr) return out;
    // The words are in the middle: half of it at each side, with the margin, is what it takes.
    const bool menu = (button->features & QStyleOptionToolButton::HasMenu) != 0;
    const int arrow = pixelMetric(PM_MenuButtonIndicator, option, widget);
    if (menu) out.rwidth() += arrow;
    return out;
}

}  // namespace headroom::gui
