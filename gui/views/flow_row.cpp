#include "gui/views/flow_row.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QWidget>
#include <algorithm>

namespace headroom::gui {
namespace {

int height_of(const std::vector<QLayoutItem*>& line) {
    int most = 0;
    for (const auto* item : line) most = std::max(most, item->sizeHint().height());
    return most;
}

bool grows(const QLayoutItem& item) { return (item.expandingDirections() & Qt::Horizontal) != 0; }

}  // namespace

FlowRow::FlowRow(QWidget* parent) : QLayout(parent) { setContentsMargins(0, 0, 0, 0); }

/// A layout that ends takes itself out of the one that it is in, so each is taken out before.
FlowRow::~FlowRow() {
    while (count() > 0) delete FlowRow::takeAt(0);
}

void FlowRow::addItem(QLayoutItem* item) {
    if (auto* layout = item->layout()) addChildLayout(layout);
    m_items.emplace_back(item);
}

QLayoutItem* FlowRow::itemAt(int index) const {
    return index >= 0 && index < count() ? m_items[static_cast<std::size_t>(index)].get() : nullptr;
}

QLayoutItem* FlowRow::takeAt(int index) {
    if (itemAt(index) == nullptr) return nullptr;
    auto* item = m_items[static_cast<std::size_t>(index)].release();
    m_items.erase(m_items.begin() + index);
    return item;
}

QSize FlowRow::sizeHint() const {
    int width = 0;
    for (const auto& item : m_items) {
        if (!item->isEmpty()) width += item->sizeHint().width() + gap();
    }
    return {std::max(0, width - gap()), minimumSize().height()};
}

QSize FlowRow::minimumSize() const {
    QSize out;
    for (const auto& item : m_items) {
        if (!item->isEmpty()) out = out.expandedTo(item->sizeHint());
    }
    return out;
}

std::vector<FlowRow::Line> FlowRow::linesIn(int width) const {
    std::vector<Line> lines;
    int used = 0;
    for (const auto& item : m_items) {
        if (item->isEmpty()) continue;
        const int needed = item->sizeHint().width();
        if (lines.empty() || used + gap() + needed > width) {
            lines.emplace_back();
            used = needed;
        } else {
            used += gap() + needed;
        }
        lines.back().push_back(item.get());
    }
    return lines;
}

int FlowRow::heightForWidth(int width) const {
    int height = 0;
    for (const auto& line : linesIn(width)) height += height_of(line) + gap();
    return std::max(0, height - gap());
}

void FlowRow::placeLine(const Line& line, const QRect& box) const {
    int left = box.width() + gap();
    for (const auto* item : line) left -= item->sizeHint().width() + gap();
    auto growing = std::ranges::count_if(line, [](const auto* item) { return grows(*item); });
    int x = box.left();
    for (auto* item : line) {
        const int more = grows(*item) ? std::max(0, left) / static_cast<int>(growing--) : 0;
        left -= more;
        const QSize hint = item->sizeHint();
        const int width = std::min(hint.width(), box.width()) + more;
        item->setGeometry(
            {x, box.top() + (box.height() - hint.height()) / 2, width, hint.height()});
        x += width + gap();
    }
}

void FlowRow::setGeometry(const QRect& box) {
    QLayout::setGeometry(box);
    int top = box.top();
    for (const auto& line : linesIn(box.width())) {
        const int height = height_of(line);
        placeLine(line, {box.left(), top, box.width(), height});
        top += height + gap();
    }
}

QLayout* labelled(const QString& words, QWidget* widget, QWidget* parent) {
    auto* line = new QHBoxLayout;
    line->addWidget(new QLabel(words, parent));
    line->addWidget(widget);
    return line;
}

}  // namespace headroom::gui
