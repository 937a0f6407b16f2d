#include "gui/views/table_view.h"

#include <QHeaderView>
#include <QStringList>
#include <QStyledItemDelegate>

#include "gui/models/row_model.h"
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
        if (tone == Tone::heading || tone == Tone::good || tone == Tone::bad) {
            option->font.setBold(true);
        }
    }
};

QString cell(const QAbstractItemModel& model, int row, int column) {
    return model.index(row, column).data().toString();
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
    auto* table = new QTableView(parent);
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
    table->verticalHeader()->hide();
    const int line = table->fontMetrics().height();
    table->verticalHeader()->setDefaultSectionSize(line + 4);
    table->horizontalHeader()->setStretchLastSection(true);
    table->horizontalHeader()->setSectionResizeMode(QHeaderView::Interactive);
    table->horizontalHeader()->setHighlightSections(false);
    const auto fit = [table] { table->resizeColumnsToContents(); };
    QObject::connect(table->model(), &QAbstractItemModel::modelReset, table, fit);
    QObject::connect(table->model(), &QAbstractItemModel::dataChanged, table, fit);
    return table;
}

void wrap_explanations(QTableView* table) {
    table->setWordWrap(true);
    const auto fit = [table] { table->resizeRowsToContents(); };
    QObject::connect(table->model(), &QAbstractItemModel::modelReset, table, fit);
    QObject::connect(table->model(), &QAbstractItemModel::dataChanged, table, fit);
    QObject::connect(table->model(), &QAbstractItemModel::layoutChanged, table, fit);
    QObject::connect(table->horizontalHeader(), &QHeaderView::geometriesChanged, table, fit);
}

void fit_height(QTableView* table) {
    table->setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    const auto fit = [table] {
        table->setFixedHeight(table->verticalHeader()->length() +
                              table->horizontalHeader()->sizeHint().height() +
                              2 * table->frameWidth() + 2);
    };
    QObject::connect(table->model(), &QAbstractItemModel::modelReset, table, fit);
    QObject::connect(table->verticalHeader(), &QHeaderView::sectionResized, table, fit);
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
