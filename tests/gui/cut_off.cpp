#include "tests/gui/cut_off.h"

#include "gui/models/row_model.h"
#include "gui/views/fitted_table.h"
#include "gui/views/frozen_column.h"

namespace headroom::test {
namespace {

constexpr int kTallest = 10'000;

QString sentence(const QWidget& widget, const QString& words, int needed, int given) {
    return QStringLiteral("%1 \"%2\": \"%3\" needs %4 and has %5")
        .arg(QString::fromUtf8(widget.metaObject()->className()), widget.accessibleName(), words)
        .arg(needed)
        .arg(given);
}

void add(QStringList& out, const QWidget& widget, const QString& words, int needed, int given) {
    if (needed > given) out.append(sentence(widget, words, needed, given));
}

void label(QStringList& out, const QLabel& each) {
    if (each.text().isEmpty()) return;
    if (each.wordWrap()) {
        add(out, each, each.text(), each.heightForWidth(each.width()), each.height());
    } else {
        add(out, each, each.text(), each.sizeHint().width(), each.width());
    }
}

/// What is elided can be read in its tooltip.
bool told(const QWidget& each, const QString& words) { return each.toolTip().contains(words); }

void choice(QStringList& out, const QComboBox& each) {
    if (told(each, each.currentText())) return;
    QStyleOptionComboBox option;
    option.initFrom(&each);
    const auto field = each.style()->subControlRect(QStyle::CC_ComboBox, &option,
                                                    QStyle::SC_ComboBoxEditField, &each);
    add(out, each, each.currentText(), each.fontMetrics().horizontalAdvance(each.currentText()),
        field.width());
}

void prompt(QStringList& out, const QLineEdit& each) {
    const auto words = each.text().isEmpty() ? each.placeholderText() : each.text();
    if (!each.text().isEmpty() && told(each, words)) return;
    constexpr int kFrame = 8;
    add(out, each, words, each.fontMetrics().horizontalAdvance(words) + kFrame, each.width());
}

void tabs(QStringList& out, const QTabBar& each) {
    for (int i = 0; i < each.count(); ++i) {
        add(out, each, each.tabText(i),
            each.fontMetrics().size(Qt::TextShowMnemonic, each.tabText(i)).width(),
            each.tabRect(i).intersected(each.rect()).width());
    }
}

void headings(QStringList& out, const QTableView& table) {
    const auto& header = *table.horizontalHeader();
    for (int i = 0; i < header.count(); ++i) {
        if (header.isSectionHidden(i)) continue;
        const auto words = table.model()->headerData(i, Qt::Horizontal).toString();
        if (words.isEmpty()) continue;
        add(out, table, words, header.sectionSizeHint(i), header.sectionSize(i));
    }
}

void cell(QStringList& out, const QTableView& table, const QModelIndex& at) {
    const auto words = at.data().toString();
    if (words.isEmpty()) return;
    const QFontMetrics metrics(gui::cellFont(at, table.font()));
    const int margin =
        table.style()->pixelMetric(QStyle::PM_FocusFrameHMargin, nullptr, &table) + 1;
    const int width = table.columnWidth(at.column()) - 2 * margin;
    const int flags = table.wordWrap() ? Qt::TextWordWrap : Qt::TextSingleLine;
    const QRect needed = metrics.boundingRect(QRect(0, 0, width, kTallest), flags, words);
    add(out, table, words, needed.width(), width);
    add(out, table, words, needed.height(), table.rowHeight(at.row()));
}

/// A table that cannot be scrolled shows every row, and nothing below the last one.
void rows(QStringList& out, const QTableView& table) {
    if (table.verticalScrollBarPolicy() != Qt::ScrollBarAlwaysOff) return;
    constexpr int kSpare = 8;
    const int needed = table.verticalHeader()->length();
    add(out, table, QStringLiteral("its rows"), needed, table.viewport()->height());
    add(out, table, QStringLiteral("blank below its rows"), table.viewport()->height(),
        needed + kSpare);
}

void cells(QStringList& out, const QTableView& table) {
    headings(out, table);
    rows(out, table);
    for (int row = 0; row < table.model()->rowCount(); ++row) {
        for (int column = 0; column < table.model()->columnCount(); ++column) {
            if (table.isColumnHidden(column)) continue;
            cell(out, table, table.model()->index(row, column));
        }
    }
}

/// A table that is wider than its place may be scrolled where its first column stays in sight.
void width(QStringList& out, const QAbstractScrollArea& each) {
    if (each.findChild<const gui::FrozenColumn*>() != nullptr) return;
    add(out, each, QStringLiteral("its width"), each.horizontalScrollBar()->maximum(), 0);
}

template <class Widget, class Check>
void every(QStringList& out, const QWidget& window, const Check& check) {
    for (const auto* each : window.findChildren<Widget*>()) {
        if (each->isVisibleTo(&window)) check(out, *each);
    }
}

}  // namespace

QStringList cut_off(const QWidget& window) {
    QStringList out;
    every<QLabel>(out, window, label);
    every<QComboBox>(out, window, choice);
    every<QLineEdit>(out, window, prompt);
    every<QTabBar>(out, window, tabs);
    every<QTableView>(out, window, cells);
    every<QAbstractButton>(out, window, [](QStringList& all, const QAbstractButton& each) {
        if (!each.text().isEmpty()) {
            add(all, each, each.text(), each.sizeHint().width(), each.width());
        }
    });
    every<QAbstractScrollArea>(out, window, width);
    return out;
}

}  // namespace headroom::test
