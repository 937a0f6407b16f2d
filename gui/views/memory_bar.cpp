#include "gui/views/memory_bar.h"

#include <QHelpEvent>
#include <QKeyEvent>
#include <QPainter>
#include <QToolTip>
#include <algorithm>

#include "gui/views/theme.h"

namespace headroom::gui {
namespace {

constexpr double kPad = 6.0;
/// A place that overflows by more than this is drawn cut off, so that the rest stays legible.
constexpr double kMostOver = 20.0;

}  // namespace

MemoryBar::MemoryBar(QWidget* parent) : QWidget(parent) {
    setMouseTracking(true);
    setFocusPolicy(Qt::StrongFocus);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    setAccessibleName(tr("Memory of each place by category"));
}

void MemoryBar::setPlaces(std::vector<MemoryPlace> places) {
    const bool grows = places.size() != m_places.size() || m_places.empty();
    m_places = std::move(places);
    m_focused = -1;
    tell();
    if (grows) updateGeometry();
}

/// What a screen reader says; the picture follows.
void MemoryBar::tell() {
    QStringList words;
    for (const auto& place : m_places) {
        words.append(QStringLiteral("%1: %2").arg(place.name, sentence(place)));
    }
    setAccessibleDescription(words.join(QStringLiteral("; ")));
    update();
}

void MemoryBar::setFigures(const Figures& figures) {
    m_figures = figures;
    tell();
}

QSize MemoryBar::sizeHint() const {
    const int line = fontMetrics().height();
    const int count = std::max(1, static_cast<int>(m_places.size()));
    return {360, static_cast<int>(count * line * 3.1 + line * 3.2 + 2 * kPad)};
}

MemoryBar::Layout MemoryBar::layoutIn(const QRectF& box) const {
    const auto metrics = fontMetrics();
    double name = 0.0;
    for (const auto& place : m_places) {
        name = std::max(name, metrics.horizontalAdvance(place.name) + 2.0 * kPad);
    }
    const double line = metrics.height() * 3.1;
    return {.left = box.left() + name,
            .width = box.width() - name - 2.0 * kPad,
            .top = box.top() + metrics.height() * 1.2 + kPad,
            .line = line,
            .bar = metrics.height() * 1.7};
}

double MemoryBar::scaleOf(const MemoryPlace& place) const {
    const double capacity = std::max(place.capacity.real(), 1.0);
    return std::clamp(place.total().real() * 1.04, capacity * 1.08, capacity * kMostOver);
}

std::vector<MemoryBar::Segment> MemoryBar::segments(const QRectF& box) const {
    const Layout at = layoutIn(box);
    std::vector<Segment> out;
    for (std::size_t p = 0; p < m_places.size(); ++p) {
        const double scale = at.width / scaleOf(m_places[p]);
        double x = at.left;
        for (const auto& row : m_places[p].rows) {
            const double end = std::min(x + row.bytes.real() * scale, at.left + at.width);
            const QRectF segment(x, at.top + static_cast<double>(p) * at.line, end - x, at.bar);
            if (end > x) out.push_back({segment, &row});
            x = end;
        }
    }
    return out;
}

QString MemoryBar::sentence(const MemoryPlace& place) const {
    if (place.rows.empty()) return tr("none is fuller than the first of these");
    const bool over = place.total() > place.capacity;
    const Bytes apart = over ? place.total() - place.capacity : place.capacity - place.total();
    return (over ? tr("%1 of %2: %3 too much") : tr("%1 of %2: %3 free"))
        .arg(m_figures.memory(place.total()), m_figures.memory(place.capacity),
             m_figures.memory(apart));
}

void MemoryBar::paintPlace(QPainter& painter, const Layout& at, std::size_t index) const {
    const auto& place = m_places[index];
    const double top = at.top + static_cast<double>(index) * at.line;
    const double scale = at.width / scaleOf(place);
    const QRectF frame(at.left, top, at.width, at.bar);
    painter.setPen(palette().color(QPalette::Text));
    painter.drawText(QRectF(at.left - 400.0, top, 400.0 - kPad, at.bar),
                     Qt::AlignRight | Qt::AlignVCenter, place.name);
    if (place.rows.empty()) {
        painter.drawText(frame, Qt::AlignLeft | Qt::AlignVCenter, sentence(place));
        return;
    }
    const double line = at.left + place.capacity.real() * scale;
    painter.setPen(QPen(palette().color(QPalette::Text), 2.0));
    painter.drawLine(QPointF(line, top - 5.0), QPointF(line, top + at.bar));
    const bool over = place.total() > place.capacity;
    painter.setPen(over ? toneColour(Tone::bad, palette()) : palette().color(QPalette::Text));
    painter.drawText(frame.adjusted(0, at.bar + 1.0, 0, at.bar * 0.8), Qt::AlignLeft,
                     sentence(place));
}

QStringList MemoryBar::legend() const {
    QStringList names;
    for (const auto& place : m_places) {
        for (const auto& row : place.rows) {
            if (!names.contains(row.name)) names.append(row.name);
        }
    }
    return names;
}

void MemoryBar::paintLegend(QPainter& painter, const QRectF& box) const {
    const auto metrics = fontMetrics();
    const double size = metrics.height() * 0.8;
    const Layout at = layoutIn(box);
    double x = at.left;
    double y = at.top + static_cast<double>(m_places.size()) * at.line;
    for (const auto& name : legend()) {
        const double width = size + kPad + metrics.horizontalAdvance(name) + 2.5 * kPad;
        if (x + width > box.right() && x > at.left) {
            x = at.left;
            y += metrics.height() * 1.3;
        }
        const QRectF swatch(x, y, size, size);
        paintCategory(painter, swatch, name);
        painter.setPen(palette().color(QPalette::Text));
        painter.drawText(QRectF(x + size + kPad, y - 2.0, width, size + 4.0),
                         Qt::AlignLeft | Qt::AlignVCenter, name);
        x += width;
    }
}

void MemoryBar::paint(QPainter& painter, const QRectF& box) const {
    if (m_places.empty()) return;
    const Layout at = layoutIn(box);
    for (const auto& segment : segments(box)) {
        paintCategory(painter, segment.box, segment.row->name);
        painter.setPen(QPen(palette().color(QPalette::Base), 1.0));
        painter.drawLine(segment.box.topRight(), segment.box.bottomRight());
    }
    for (std::size_t i = 0; i < m_places.size(); ++i) paintPlace(painter, at, i);
    const auto first = layoutIn(box);
    const double line =
        first.left + m_places.front().capacity.real() * first.width / scaleOf(m_places.front());
    painter.setPen(palette().color(QPalette::Text));
    const auto capacity = tr("capacity %1").arg(m_figures.memory(m_places.front().capacity));
    const double width = fontMetrics().horizontalAdvance(capacity);
    const double left = std::clamp(line - width / 2.0, box.left(), box.right() - width);
    painter.drawText(QRectF(left, box.top(), width + 2.0, first.top - box.top()),
                     Qt::AlignLeft | Qt::AlignTop, capacity);
    paintLegend(painter, box);
}

QString MemoryBar::noteAt(QPointF point) const {
    for (const auto& segment : segments(rect())) {
        if (segment.box.contains(point)) return category_note(*segment.row, m_figures);
    }
    return {};
}

void MemoryBar::paintEvent(QPaintEvent*) {
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    paint(painter, rect());
    if (!hasFocus() || m_focused < 0) return;
    const auto all = segments(rect());
    if (m_focused >= static_cast<int>(all.size())) return;
    painter.setPen(QPen(palette().color(QPalette::Highlight), 3.0));
    painter.setBrush(Qt::NoBrush);
    painter.drawRect(all[static_cast<std::size_t>(m_focused)].box);
}

bool MemoryBar::event(QEvent* event) {
    if (event->type() != QEvent::ToolTip) return QWidget::event(event);
    const auto* help = static_cast<QHelpEvent*>(event);
    const auto note = noteAt(help->pos());
    if (note.isEmpty()) {
        QToolTip::hideText();
    } else {
        QToolTip::showText(help->globalPos(), note, this);
    }
    return true;
}

void MemoryBar::keyPressEvent(QKeyEvent* event) {
    const int step = event->key() == Qt::Key_Right ? 1 : event->key() == Qt::Key_Left ? -1 : 0;
    const auto all = segments(rect());
    if (step == 0 || all.empty()) {
        QWidget::keyPressEvent(event);
        return;
    }
    m_focused = std::clamp(m_focused + step, 0, static_cast<int>(all.size()) - 1);
    const auto& segment = all[static_cast<std::size_t>(m_focused)];
    const auto note = category_note(*segment.row, m_figures);
    setAccessibleDescription(note);
    QToolTip::showText(mapToGlobal(segment.box.bottomLeft().toPoint()), note, this);
    update();
}

}  // namespace headroom::gui
