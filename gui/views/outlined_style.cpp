#include "gui/views/outlined_style.h"

#include <QFocusFrame>
#include <QHeaderView>
#include <QPainter>
#include <QStyleOption>
#include <algorithm>

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

void draw_ring(QPainter& painter, const QStyleOption& option) {
    constexpr double kWide = 2.0;
    constexpr double kHalf = kWide / 2.0;
    painter.save();
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(QPen(option.palette.color(QPalette::Link), kWide));
    painter.setBrush(Qt::NoBrush);
    painter.drawRoundedRect(QRectF(option.rect).adjusted(kHalf, kHalf, -kHalf, -kHalf), 2.0, 2.0);
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

void OutlinedStyle::drawControl(ControlElement element, const QStyleOption* option,
                                QPainter* painter, const QWidget* widget) const {
    if (element == CE_FocusFrame) {
        draw_ring(*painter, *option);
    } else {
        QProxyStyle::drawControl(element, option, painter, widget);
    }
}

void OutlinedStyle::drawComplexControl(ComplexControl control, const QStyleOptionComplex* option,
                                       QPainter* painter, const QWidget* widget) const {
    QProxyStyle::drawComplexControl(control, option, painter, widget);
    if (control == CC_ComboBox || control == CC_SpinBox) draw_outline(*painter, *option);
}

QSize OutlinedStyle::sizeFromContents(ContentsType type, const QStyleOption* option,
                                      const QSize& size, const QWidget* widget) const {
    const auto* heading = qstyleoption_cast<const QStyleOptionHeader*>(option);
    const auto* header = qobject_cast<const QHeaderView*>(widget);
    if (type == CT_HeaderSection && heading != nullptr && header != nullptr &&
        header->sortIndicatorSection() != heading->section) {
        QStyleOptionHeader plain = *heading;
        plain.sortIndicator = QStyleOptionHeader::None;
        return QProxyStyle::sizeFromContents(type, &plain, size, widget);
    }
    QSize out = QProxyStyle::sizeFromContents(type, option, size, widget);
    const auto* button = qstyleoption_cast<const QStyleOptionToolButton*>(option);
    if (type != CT_ToolButton || button == nullptr) return out;
    // The words are in the middle: half of it at each side, with the margin, is what it takes.
    const bool menu = (button->features & QStyleOptionToolButton::HasMenu) != 0;
    const int arrow = pixelMetric(PM_MenuButtonIndicator, option, widget);
    if (menu) out.rwidth() += arrow;
    return out;
}

int OutlinedStyle::styleHint(StyleHint hint, const QStyleOption* option, const QWidget* widget,
                             QStyleHintReturn* more) const {
    if (hint == SH_FocusFrame_AboveWidget) return 1;
    return QProxyStyle::styleHint(hint, option, widget, more);
}

int OutlinedStyle::pixelMetric(PixelMetric metric, const QStyleOption* option,
                               const QWidget* widget) const {
    const bool margin = metric == PM_FocusFrameHMargin || metric == PM_FocusFrameVMargin;
    // The ring lies within what it marks: nothing around that cuts it off.
    if (margin && qobject_cast<const QFocusFrame*>(widget) != nullptr) return 0;
    const int out = QProxyStyle::pixelMetric(metric, option, widget);
    const bool cell = metric == PM_FocusFrameHMargin || metric == PM_HeaderMargin;
    if (!cell || qobject_cast<const QAbstractItemView*>(widget) == nullptr) return out;
    return std::max(out, widget->fontMetrics().height() / 5);
}

}  // namespace headroom::gui
