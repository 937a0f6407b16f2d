#include "gui/views/table_view.h"

#include <QEvent>
#include <QHeaderView>
#include <QRegularExpression>
#include <QScrollBar>
#include <QStringList>
#include <QStyledItemDelegate>
#include <QTimer>
#include <algorithm>

#include "gui/models/row_model.h"
#include "gui/views/theme.h"

namespace headroom::gui {
namespace {

constexpr int kCellMargins = 8;  ///< of both sides, rounded up

/// Draws a row's tone as colour and weight.
class ToneDelegate : public QStyledItemDelegate {
public:
    using QStyledItemDelegate::QStyledItemDelegate;

protected:
    void initStyleOption(QStyleOptionViewItem* option, const QModelIndex& index) const override {
        QStyledItemDelegate::initStyleOption(option, index);
        const auto tone = static_cast<Tone>(index.data(kToneRole).toInt());
        option->palette.setColor(QPalette::Text, toneColour(tone, option->palette));
        option->font = cellFont(index, option->font);
    }
};

/// Columns and rows follow contents, font and width. Where sentences wrap and the columns before
/// them leave too little room, words in those wrap as well.
class FittedTable : public QTableView {
public:
    using QTableView::QTableView;

    /// A table that nobody sees is fitted when it is shown.
    void fit() {
        fitsWhenShown_ = !isVisible();
        if (fitsWhenShown_ || fitting_) return;
        fitting_ = true;
        fitColumns();
        fitting_ = false;
        fitRows();
    }
    void fitRows() {
        if (!fitting_ && wordWrap()) resizeRowsToContents();
    }

private:
    void fitColumns() {
        resizeColumnsToContents();
        if (!wordWrap()) return;
        constexpr int kMost = 60;   // percent of the width, before the sentences
        constexpr int kWords = 21;  // percent, for a column of words then
        const int last = model()->columnCount() - 1;
        if (widthBefore(last) * 100 > viewport()->width() * kMost) {
            for (int column = 0; column < last; ++column) {
                const auto align =
                    model()->headerData(column, Qt::Horizontal, Qt::TextAlignmentRole);
                if ((align.toInt() & Qt::AlignRight) != 0) continue;
                const int most = viewport()->width() * kWords / 100;
                if (columnWidth(column) > most) setColumnWidth(column, most);
            }
        }
        // Fitting its contents has undone the stretch of the last one.
        const int rest = viewport()->width() - widthBefore(last);
        if (!isColumnHidden(last)) setColumnWidth(last, std::max(rest, widestWord(last)));
    }

protected:
    void changeEvent(QEvent* event) override {
        QTableView::changeEvent(event);
        if (event->type() != QEvent::FontChange || model() == nullptr) return;
        verticalHeader()->setDefaultSectionSize(fontMetrics().height() + 4);
        fitSoon();
    }
    void resizeEvent(QResizeEvent* event) override {
        QTableView::resizeEvent(event);
        const bool wider = event->oldSize().width() != event->size().width();
        if (wider && wordWrap() && model() != nullptr) fitSoon();
    }
    void showEvent(QShowEvent* event) override {
        QTableView::showEvent(event);
        if (fitsWhenShown_ && model() != nullptr) fit();
    }

private:
    /// The headings take font and width after the table itself.
    void fitSoon() {
        QTimer::singleShot(0, this, [this] { fit(); });
    }
    /// What a column needs for lines of one word, up to some width.
    [[nodiscard]] int widestWord(int column) const {
        static const QRegularExpression kBreak(QStringLiteral("[\\s%1]").arg(kMayBreak));
        const int most = 24 * fontMetrics().averageCharWidth();
        int widest = horizontalHeader()->sectionSizeHint(column);
        for (int row = 0; row < model()->rowCount() && widest < most; ++row) {
            const auto at = model()->index(row, column);
            const QFontMetrics metrics(cellFont(at, font()));
            for (const auto& word : at.data().toString().split(kBreak)) {
                widest = std::max(widest, metrics.horizontalAdvance(word) + kCellMargins);
            }
        }
        return std::min(widest, most);
    }
    [[nodiscard]] int widthBefore(int last) const {
        int sum = 0;
        for (int column = 0; column < last; ++column) sum += columnWidth(column);
        return sum;
    }

    bool fitsWhenShown_ = false;
    bool fitting_ = false;  ///< widths change one after another, heights follow once
};

QString cell(const QAbstractItemModel& model, int row, int column) {
    return model.index(row, column).data().toString().remove(kMayBreak);
}

QString heading(const QAbstractItemModel& model, int column) {
    return model.headerData(column, Qt::Horizontal).toString();
}

QString csv_field(QString text) {
    const bool quotes = text.contains(QLatin1Char(',')) || text.contains(QLatin1Char('"')) ||
                        text.contains(QLatin1Char('\n'));
    if (!quotes) return text;
    return QLatin1Char('"') + text.replace(QLatin1Char('"'), QLatin1String("\"\"")) +
           QLatin1Char('"');
}

/// Every line of a model, its headings first, each cell through `field`.
template <class Field>
QList<QStringList> lines_of(const QAbstractItemModel& model, const Field& field) {
    QList<QStringList> lines;
    for (int row = -1; row < model.rowCount(); ++row) {
        QStringList line;
        for (int column = 0; column < model.columnCount(); ++column) {
            line.append(field(row < 0 ? heading(model, column) : cell(model, row, column)));
        }
        lines.append(line);
    }
    return lines;
}

}  // namespace

QFont cellFont(const QModelIndex& at, const QFont& font) {
    const auto tone = static_cast<Tone>(at.data(kToneRole).toInt());
    QFont out = font;
    if (tone == Tone::heading || tone == Tone::good || tone == Tone::bad) out.setBold(true);
    return out;
}

QTableView* make_table(QAbstractItemModel* model, const QString& name, Sorting sorting,
                       QWidget* parent) {
    auto* table = new FittedTable(parent);
    table->setItemDelegate(new ToneDelegate(table));
    if (sorting == Sorting::on) {
        auto* proxy = new QSortFilterProxyModel(table);
        proxy->setSourceModel(model);
        proxy->setSortRole(kSortRole);
        proxy->setFilterCaseSensitivity(Qt::CaseInsensitive);
        proxy->setFilterKeyColumn(-1);
        table->setModel(proxy);
        table->setSortingEnabled(true);
        table->sortByColumn(-1, Qt::AscendingOrder);
    } else {
        table->setModel(model);
    }
    table->setAccessibleName(name);
    table->setAlternatingRowColors(true);
    table->setSelectionBehavior(QAbstractItemView::SelectRows);
    table->setEditTriggers(QAbstractItemView::NoEditTriggers);
    table->setShowGrid(false);
    table->setWordWrap(false);
    table->setTabKeyNavigation(false);
    table->setHorizontalScrollMode(QAbstractItemView::ScrollPerPixel);
    table->verticalHeader()->hide();
    table->verticalHeader()->setMinimumSectionSize(0);
    table->verticalHeader()->setDefaultSectionSize(table->fontMetrics().height() + 4);
    table->horizontalHeader()->setStretchLastSection(true);
    table->horizontalHeader()->setSectionResizeMode(QHeaderView::Interactive);
    table->horizontalHeader()->setHighlightSections(false);
    const auto fit = [table] { table->fit(); };
    QObject::connect(table->model(), &QAbstractItemModel::modelReset, table, fit);
    QObject::connect(table->model(), &QAbstractItemModel::dataChanged, table, fit);
    table->fit();
    return table;
}

void wrap_explanations(QTableView* table) {
    table->setWordWrap(true);
    const auto fit = [table] { static_cast<FittedTable*>(table)->fitRows(); };
    QObject::connect(table->model(), &QAbstractItemModel::layoutChanged, table, fit);
    QObject::connect(table->horizontalHeader(), &QHeaderView::geometriesChanged, table, fit);
}

void keep_columns(QTableView* table) { table->horizontalHeader()->setStretchLastSection(false); }

void fit_height(QTableView* table) {
    table->setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    const auto fit = [table] {
        const auto& bar = *table->horizontalScrollBar();
        table->setFixedHeight(
            table->verticalHeader()->length() + table->horizontalHeader()->sizeHint().height() +
            2 * table->frameWidth() + 2 + (bar.maximum() > 0 ? bar.sizeHint().height() : 0));
    };
    QObject::connect(table->model(), &QAbstractItemModel::modelReset, table, fit);
    // A header tells a new height of a row before its length has it.
    QObject::connect(table->verticalHeader(), &QHeaderView::sectionResized, table, fit,
                     Qt::QueuedConnection);
    QObject::connect(table->horizontalHeader(), &QHeaderView::geometriesChanged, table, fit);
    QObject::connect(table->horizontalScrollBar(), &QScrollBar::rangeChanged, table, fit,
                     Qt::QueuedConnection);
    fit();
}

QString as_csv(const QAbstractItemModel& model) {
    QString out;
    for (const auto& line : lines_of(model, csv_field)) {
        out += line.join(QLatin1Char(',')) + QLatin1Char('\n');
    }
    return out;
}

QString as_markdown(const QAbstractItemModel& model) {
    const auto escaped = [](QString text) { return text.replace(u'|', QLatin1String("\\|")); };
    QString out;
    bool first = true;
    for (const auto& line : lines_of(model, escaped)) {
        out += QStringLiteral("| ") + line.join(QStringLiteral(" | ")) + QStringLiteral(" |\n");
        if (std::exchange(first, false)) {
            out +=
                QLatin1Char('|') + QStringLiteral("---|").repeated(line.size()) + QLatin1Char('\n');
        }
    }
    return out;
}

}  // namespace headroom::gui
