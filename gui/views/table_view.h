#pragma once

#include <QAbstractItemModel>
#include <QSortFilterProxyModel>
#include <QString>
#include <QTableView>

namespace headroom::gui {

enum class Sorting { off, on };

/// A table that shows tones, sorts by kSortRole, and can be copied.
QTableView* make_table(QAbstractItemModel* model, const QString& name, Sorting sorting,
                       QWidget* parent);
/// The last column holds sentences: they take as many lines as they need.
void wrap_explanations(QTableView* table);
/// As tall as its rows, for tables of a few lines.
void fit_height(QTableView* table);

/// What a model shows, as text for other programs.
QString as_csv(const QAbstractItemModel& model);
QString as_markdown(const QAbstractItemModel& model);

}  // namespace headroom::gui
