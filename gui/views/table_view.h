#pragma once

#include <QAbstractItemModel>
#include <QSortFilterProxyModel>
#include <QString>
#include <QTableView>
#include <vector>

namespace headroom::gui {

enum class Sorting { off, on };

/// A table that shows tones, sorts by kSortRole, and can be copied.
QTableView* make_table(QAbstractItemModel* model, const QString& name, Sorting sorting,
                       QWidget* parent);
/// The last column holds sentences: they take as many lines as they need.
void wrap_explanations(QTableView* table);
/// Every column is as wide as its cells, the last one too: for figures up to the last column.
void keep_columns(QTableView* table);
/// These columns are left out, the first one first, while the table is too narrow for all.
void spare_columns(QTableView* table, std::vector<int> columns);
/// The first column stays in sight while the rest is scrolled sideways.
void keep_first_column(QTableView* table);
/// As tall as its rows, for tables of a few lines.
void fit_height(QTableView* table);

/// What a model shows, as text for other programs.
QString as_csv(const QAbstractItemModel& model);
QString as_markdown(const QAbstractItemModel& model);

}  // namespace headroom::gui
