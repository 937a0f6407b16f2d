#pragma once

#include <QTableView>

namespace headroom::gui {

/// The first column of a table over the table itself, while the rest is scrolled sideways.
class FrozenColumn : public QTableView {
    Q_OBJECT

public:
    explicit FrozenColumn(QTableView* table);

protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

private:
    void followRows();
    void followScrolling();
    void place();
    /// The present cell is not left below this column.
    void uncover(const QModelIndex& present);

    QTableView* m_table;
};

}  // namespace headroom::gui
