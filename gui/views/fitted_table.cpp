#include "gui/views/fitted_table.h"

#include <QEvent>
#include <QHeaderView>
#include <QRegularExpression>
#include <QStyle>
#include <QTimer>
#include <algorithm>
#include <utility>

#include "gui/models/row_model.h"

namespace headroom::gui {

QFont cellFont(const QModelIndex& at, const QFont& font) {
    const auto tone = static_cast<Tone>(at.data(kToneRole).toInt());
    QFont out = font;
    if (tone == Tone::heading || tone == Tone::good || tone == Tone::bad) out.setBold(true);
    return out;
}

void FittedTable::fit() {
    m_fitsWhenShown = !isVisible();
    if (m_fitsWhenShown || m_fitting) return;
    m_fitting = true;
    fitColumns();
    m_fitting = false;
    fitRows();
}

void FittedTable::fitRows() {
    if (!m_fitting && wordWrap()) resizeRowsToContents();
}

QSize FittedTable::minimumSizeHint() const {
    constexpr int kRows = 4;
    const int rows = kRows * verticalHeader()->defaultSectionSize();
    return {QTableView::minimumSizeHint().width(),
            horizontalHeader()->sizeHint().height() + rows + 2 * frameWidth()};
}

void FittedTable::fitSoon() {
    QTimer::singleShot(0, this, [this] { fit(); });
}

void FittedTable::setSpare(std::vector<int> columns) {
    m_spare = std::move(columns);
    fit();
}

void FittedTable::fitColumns() {
    const int last = model()->columnCount() - 1;
    for (const int column : std::exchange(m_leftOut, {})) showColumn(column);
    int lacking = fitBefore(last);
    if (!wordWrap()) return;
    for (const int column : m_spare) {
        if (lacking <= 0) break;
        if (isColumnHidden(column)) continue;
        m_leftOut.push_back(column);
        hideColumn(column);
        lacking = fitBefore(last);
    }
    // Fitting its contents has undone the stretch of the last one.
    const int rest = viewport()->width() - widthBefore(last);
    if (!isColumnHidden(last)) setColumnWidth(last, std::max(rest, widestWord(last)));
}

int FittedTable::fitBefore(int last) {
    resizeColumnsToContents();
    return wordWrap() ? narrowWords(last) : 0;
}

int FittedTable::narrowWords(int last) {
    constexpr int kMost = 60;   // percent of the width, before the sentences
    constexpr int kWords = 21;  // percent, for a column of words then
    const int room = viewport()->width();
    const int least_last = isColumnHidden(last) ? 0 : widestWord(last);
    // What one column gives up another may get: the last one that is seen is stretched.
    const auto lacking = [&] { return widthBefore(last) + least_last - room; };
    if (widthBefore(last) * 100 <= room * kMost) return lacking();
    const int enough = room * kWords / 100;
    for (int column = 0; column < last; ++column) {
        if (!holdsWords(column)) continue;
        const int present = columnWidth(column);
        const int least = widestWord(column);
        const int wanted = std::max(least, std::min(enough, present - lacking()));
        setColumnWidth(column, std::min(present, wanted));
    }
    return lacking();
}

bool FittedTable::holdsWords(int column) const {
    const auto align = model()->headerData(column, Qt::Horizontal, Qt::TextAlignmentRole);
    return !isColumnHidden(column) && (align.toInt() & Qt::AlignRight) == 0;
}

int FittedTable::widestWord(int column) const {
    static const QRegularExpression kBreak(QStringLiteral("[\\s%1]").arg(kMayBreak));
    const int margins = 2 * (style()->pixelMetric(QStyle::PM_FocusFrameHMargin, nullptr, this) + 1);
    const int most = 24 * fontMetrics().averageCharWidth();
    int widest = horizontalHeader()->sectionSizeHint(column);
    for (int row = 0; row < model()->rowCount() && widest < most; ++row) {
        const auto at = model()->index(row, column);
        const QFontMetrics metrics(cellFont(at, font()));
        for (const auto& word : at.data().toString().split(kBreak)) {
            widest = std::max(widest, metrics.boundingRect(word).width() + margins + 2);
        }
    }
    return std::min(widest, most);
}

int FittedTable::widthBefore(int last) const {
    int sum = 0;
    for (int column = 0; column < last; ++column) sum += columnWidth(column);
    return sum;
}

void FittedTable::changeEvent(QEvent* event) {
    QTableView::changeEvent(event);
    if (event->type() != QEvent::FontChange || model() == nullptr) return;
    verticalHeader()->setDefaultSectionSize(fontMetrics().height() + 4);
    fitSoon();
}

void FittedTable::resizeEvent(QResizeEvent* event) {
    QTableView::resizeEvent(event);
    const bool wider = event->oldSize().width() != event->size().width();
    if (wider && wordWrap() && model() != nullptr) fitSoon();
}

void FittedTable::showEvent(QShowEvent* event) {
    QTableView::showEvent(event);
    if (m_fitsWhenShown && model() != nullptr) fit();
}

}  // namespace headroom::gui
