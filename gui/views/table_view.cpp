#include "gui/views/table_view.h"

#include <QHeaderView>
#include <QScrollBar>
#include <QStringList>
#include <QStyledItemDelegate>

#include "gui/models/row_model.h"
#include "gui/views/fitted_table.h"
#include "gui/views/frozen_column.h"
#include "gui/views/theme.h"

namespace headroom::gui {
namespace {

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
    table->horizontalHeader()->setMinimumSectionSize(0);  // Qt's own is the widest letter's
    table->horizontalHeader()->setSectionResizeMode(QHeaderView::Interactive);
    table->horizontalHeader()->setHighlightSections(false);
    const auto fit = [table] { table->fit(); };
    QObject::connect(table->model(), &QAbstractItemModel::modelReset, table, fit);
    QObject::connect(table->model(), &QAbstractItemModel::dataChanged, table, fit);
    QObject::connect(table->horizontalHeader(), &QHeaderView::sortIndicatorChanged, table, fit);
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

void spare_columns(QTableView* table, std::vector<int> columns) {
    static_cast<FittedTable*>(table)->setSpare(std::move(columns));
}

void keep_first_column(QTableView* table) { new FrozenColumn(table); }

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
