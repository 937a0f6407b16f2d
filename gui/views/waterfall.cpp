#include "gui/views/waterfall.h"

#include <QHelpEvent>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QToolTip>
#include <algorithm>

#include "gui/views/theme.h"

namespace headroom::gui {
namespace {

constexpr int kWordLines = 4;  ///< below the columns: a name on two lines, time, what it costs

QString note_of(const RungRow& row, const Figures& figures) {
    if (row.isSkipped()) {
        return QObject::tr("%1: skipped, %2").arg(text(row.rung.name), text(row.rung.note));
    }
    auto out = QObject::tr("%1: %2 a GPU, %3 a step")
                   .arg(text(row.rung.name), figures.memory(row.rung.memory), text(row.rung.step));
    if (!row.ground) {
        out += QObject::tr("; buys %1, costs %2")
                   .arg(figures.memory(row.rung.bought), change(row.rung.paid));
    }
    out += row.rung.fits ? QObject::tr("; fits") : QObject::tr("; does not fit");
    return row.rung.note.empty() ? out : out + QStringLiteral(": ") + text(row.rung.note);
}

/// Below the step time: the first fit, or what the rung costs.
QString mark_of(const RungRow& row) {
    if (row.first) return QObject::tr("◀ first fit");
    return row.ground ? QString() : change(row.rung.paid);
}

}  // namespace

Waterfall::Waterfall(QWidget* parent) : QWidget(parent) {
    setFocusPolicy(Qt::StrongFocus);
    setMouseTracking(true);
    setAccessibleName(tr("Ladder: what each rung buys and costs"));
}

void Waterfall::setRungs(std::vector<RungRow> rungs, Bytes capacity) {
    m_rungs = std::move(rungs);
    m_capacity = capacity;
    m_focused = std::clamp(m_focused, 0, std::max(0, static_cast<int>(m_rungs.size()) - 1));
    update();
}

void Waterfall::setFigures(const Figures& figures) {
    m_figures = figures;
    update();
}

QRectF Waterfall::plot(const QRectF& box) const {
    const double line = fontMetrics().height();
    return box.adjusted(8.0, line * 2.0, -8.0, -line * (kWordLines + 0.6));
}

QRectF Waterfall::column(const QRectF& box, int rung) const {
    const QRectF area = plot(box);
    const double width =
        area.width() / static_cast<double>(std::max<std::size_t>(1, m_rungs.size()));
    return {area.left() + rung * width, area.top(), width, area.height()};
}

double Waterfall::most() const {
    double bytes = m_capacity.real();
    for (const auto& row : m_rungs) bytes = std::max(bytes, row.rung.memory.real());
    return std::max(bytes, 1.0) * 1.05;
}

int Waterfall::rungAt(QPointF point) const {
    for (int i = 0; i < static_cast<int>(m_rungs.size()); ++i) {
        const QRectF place = column(rect(), i);
        if (point.x() >= place.left() && point.x() < place.right()) return i;
    }
    return -1;
}

void Waterfall::paintRung(QPainter& painter, const QRectF& box, int rung) const {
    const auto& row = m_rungs[static_cast<std::size_t>(rung)];
    if (row.isSkipped()) return;
    const QRectF place = column(box, rung);
    const double inset = std::min(place.width() * 0.16, 22.0);
    const double scale = place.height() / most();
    const double high = row.rung.memory.real() * scale;
    const QRectF bar(place.left() + inset, place.bottom() - high, place.width() - 2.0 * inset,
                     high);
    const auto ink = palette().color(QPalette::Text);
    if (!row.ground && row.rung.bought > Bytes{}) {
        const double bought = row.rung.bought.real() * scale;
        const QRectF ghost(bar.left(), bar.top() - bought, bar.width(), bought);
        QColor faint = ink;
        faint.setAlpha(40);
        painter.fillRect(ghost, faint);
        painter.setPen(QPen(ink, 1.0, Qt::DotLine));
        painter.drawRect(ghost);
    }
    paintCategory(painter, bar,
                  row.rung.fits ? QStringLiteral("optimizer") : QStringLiteral("activations"));
    painter.setPen(QPen(row.first ? ink : palette().color(QPalette::Base), row.first ? 3.0 : 1.0));
    painter.drawRect(bar);
}

void Waterfall::paintAmount(QPainter& painter, const QRectF& box, int rung) const {
    const auto& row = m_rungs[static_cast<std::size_t>(rung)];
    if (row.isSkipped()) return;
    const QRectF place = column(box, rung);
    const double top = place.bottom() - row.rung.memory.real() * place.height() / most();
    painter.setPen(palette().color(QPalette::Text));
    const QRectF label(place.left(), top - fontMetrics().height() - 2.0, place.width(),
                       fontMetrics().height() + 2.0);
    const auto amount = m_figures.bare(row.rung.memory);
    const double width = painter.fontMetrics().horizontalAdvance(amount) + 8.0;
    painter.fillRect(
        QRectF(label.center().x() - width / 2.0, label.top() + 1.0, width, label.height() - 2.0),
        palette().color(QPalette::Base));
    painter.drawText(label, Qt::AlignCenter, amount);
}

QFont Waterfall::amountFont(double width) const {
    QStringList amounts;
    for (const auto& row : m_rungs) amounts.append(m_figures.bare(row.rung.memory));
    return fitted(amounts, width);
}

QFont Waterfall::wordFont(double width) const {
    QStringList words{mark_of({.first = true})};
    for (const auto& row : m_rungs) {
        words += text(row.rung.name).split(QLatin1Char(' '));
        words += {text(row.rung.step), change(row.rung.paid)};
    }
    return fitted(words, width);
}

QFont Waterfall::fitted(const QStringList& words, double width) const {
    constexpr double kSmallest = 6.0;
    QFont out = font();
    const auto widest = [&] {
        const QFontMetricsF metrics(out);
        double most = 0.0;
        for (const auto& word : words) most = std::max(most, metrics.horizontalAdvance(word));
        return most;
    };
    while (out.pointSizeF() > kSmallest && widest() > width) {
        out.setPointSizeF(out.pointSizeF() - 0.5);
    }
    return out;
}

void Waterfall::paintWords(QPainter& painter, const QRectF& box, int rung) const {
    const auto& row = m_rungs[static_cast<std::size_t>(rung)];
    const QRectF place = column(box, rung);
    const double line = fontMetrics().height();
    QRectF words(place.left() + 2.0, place.bottom() + 4.0, place.width() - 4.0, line * 2.0 + 2.0);
    painter.setPen(row.isSkipped() ? toneColour(Tone::faint, palette())
                                   : palette().color(QPalette::Text));
    painter.drawText(words, Qt::AlignHCenter | Qt::AlignTop | Qt::TextWordWrap,
                     text(row.rung.name));
    words = QRectF(words.left(), words.bottom(), words.width(), line);
    painter.drawText(words, Qt::AlignCenter, row.isSkipped() ? tr("skipped") : text(row.rung.step));
    words.translate(0.0, line);
    painter.setPen(toneColour(row.first ? Tone::good : Tone::faint, palette()));
    if (!row.isSkipped()) painter.drawText(words, Qt::AlignCenter, mark_of(row));
}

void Waterfall::paint(QPainter& painter, const QRectF& box) const {
    painter.fillRect(box, palette().color(QPalette::Base));
    if (m_rungs.empty()) return;
    painter.setFont(wordFont(column(box, 0).width() - 4.0));
    for (int i = 0; i < static_cast<int>(m_rungs.size()); ++i) {
        paintRung(painter, box, i);
        paintWords(painter, box, i);
    }
    painter.setFont(font());
    const QRectF area = plot(box);
    const double y = area.bottom() - m_capacity.real() / most() * area.height();
    painter.setPen(QPen(palette().color(QPalette::Text), 2.0, Qt::DashLine));
    painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y));
    painter.setFont(amountFont(column(box, 0).width() - 4.0));
    for (int i = 0; i < static_cast<int>(m_rungs.size()); ++i) paintAmount(painter, box, i);
    painter.setFont(font());
    painter.setPen(palette().color(QPalette::Text));
    painter.drawText(QRectF(area.left(), box.top() + 2.0, area.width(), fontMetrics().height()),
                     Qt::AlignRight | Qt::AlignTop,
                     tr("dashed: capacity %1; figures in %2 a GPU")
                         .arg(m_figures.memory(m_capacity), m_figures.unitName()));
}

void Waterfall::paintEvent(QPaintEvent*) {
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    paint(painter, rect());
    if (!hasFocus() || m_rungs.empty()) return;
    painter.setPen(QPen(palette().color(QPalette::Highlight), 2.0));
    painter.setBrush(Qt::NoBrush);
    painter.drawRect(column(rect(), m_focused).adjusted(1, -18, -1, fontMetrics().height() * 4.4));
}

void Waterfall::mouseReleaseEvent(QMouseEvent* event) {
    const int rung = rungAt(event->position());
    if (rung < 0) return;
    m_focused = rung;
    update();
    Q_EMIT adopted(rung);
}

void Waterfall::keyPressEvent(QKeyEvent* event) {
    const int last = static_cast<int>(m_rungs.size()) - 1;
    if (last < 0) return;
    switch (event->key()) {
        case Qt::Key_Left:
            m_focused = std::max(0, m_focused - 1);
            break;
        case Qt::Key_Right:
            m_focused = std::min(last, m_focused + 1);
            break;
        case Qt::Key_Return:
        case Qt::Key_Enter:
            Q_EMIT adopted(m_focused);
            return;
        default:
            QWidget::keyPressEvent(event);
            return;
    }
    setAccessibleDescription(note_of(m_rungs[static_cast<std::size_t>(m_focused)], m_figures));
    update();
}

bool Waterfall::event(QEvent* event) {
    if (event->type() != QEvent::ToolTip) return QWidget::event(event);
    const auto* help = static_cast<QHelpEvent*>(event);
    const int rung = rungAt(help->pos());
    if (rung >= 0) {
        QToolTip::showText(help->globalPos(),
                           note_of(m_rungs[static_cast<std::size_t>(rung)], m_figures), this);
    }
    return true;
}

}  // namespace headroom::gui
