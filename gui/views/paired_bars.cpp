#include "gui/views/paired_bars.h"

#include <QPainter>
#include <algorithm>
#include <map>

#include "gui/views/theme.h"

namespace headroom::gui {
namespace {

constexpr double kNameShare = 0.26;
constexpr double kNumberShare = 0.26;

}  // namespace

PairedBars::PairedBars(QWidget* parent) : QWidget(parent) {
    setAccessibleName(tr("Predicted and measured as bars"));
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
}

void PairedBars::setFindings(const std::vector<Finding>& findings) {
    m_rows.clear();
    for (const auto& row : findings) {
        const bool amount = row.unit == NumberUnit::bytes || row.unit == NumberUnit::seconds;
        const bool listed = row.group != "time by op";  // the table has those
        if (amount && listed && (row.predicted > 0.0 || row.measured > 0.0)) m_rows.push_back(row);
    }
    updateGeometry();
    update();
}

void PairedBars::setFigures(const Figures& figures) {
    m_figures = figures;
    update();
}

QSize PairedBars::sizeHint() const {
    return {420, static_cast<int>(lineHeight() * (static_cast<double>(m_rows.size()) + 1.4))};
}

void PairedBars::paintPair(QPainter& painter, const QRectF& line, const Finding& row,
                           double most) const {
    const double name = line.width() * kNameShare;
    const double room = line.width() * (1.0 - kNameShare - kNumberShare);
    const double high = line.height() * 0.36;
    painter.setPen(palette().color(QPalette::Text));
    const auto label = text(row.group) + QStringLiteral(" · ") + text(row.part);
    painter.drawText(QRectF(line.left(), line.top(), name - 8.0, line.height()),
                     Qt::AlignRight | Qt::AlignVCenter,
                     fontMetrics().elidedText(label, Qt::ElideLeft, static_cast<int>(name - 8.0)));
    const QRectF upper(line.left() + name, line.top() + line.height() * 0.1,
                       room * row.predicted / most, high);
    const QRectF lower(line.left() + name, upper.bottom() + 1.0, room * row.measured / most, high);
    paintCategory(painter, upper, QStringLiteral("parameters"));
    paintCategory(painter, lower, QStringLiteral("activations"));
    painter.setPen(palette().color(QPalette::Text));
    painter.drawText(QRectF(line.right() - line.width() * kNumberShare + 4.0, line.top(),
                            line.width() * kNumberShare, line.height()),
                     Qt::AlignLeft | Qt::AlignVCenter,
                     tr("%1 | %2").arg(m_figures.number(row.unit, row.predicted),
                                       m_figures.number(row.unit, row.measured)));
}

void PairedBars::paint(QPainter& painter, const QRectF& box) const {
    std::map<std::string, double> most;
    for (const auto& row : m_rows) {
        auto& value = most[row.group];
        value = std::max({value, row.predicted, row.measured});
    }
    if (m_rows.empty()) return;
    const double high = lineHeight();
    const double left = box.left() + box.width() * kNameShare;
    const QRectF first(left, box.top() + 3.0, high * 0.6, high * 0.6);
    paintCategory(painter, first, QStringLiteral("parameters"));
    const double shift = high + fontMetrics().horizontalAdvance(tr("predicted")) + 16.0;
    paintCategory(painter, first.translated(shift, 0.0), QStringLiteral("activations"));
    painter.setPen(palette().color(QPalette::Text));
    painter.drawText(QPointF(first.right() + 5.0, first.bottom()), tr("predicted"));
    painter.drawText(QPointF(first.right() + 5.0 + shift, first.bottom()), tr("measured"));
    for (std::size_t i = 0; i < m_rows.size(); ++i) {
        const QRectF line(box.left(), box.top() + high * (static_cast<double>(i) + 1.2),
                          box.width(), high);
        paintPair(painter, line, m_rows[i], most[m_rows[i].group]);
    }
}

void PairedBars::paintEvent(QPaintEvent*) {
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    paint(painter, rect());
}

}  // namespace headroom::gui
