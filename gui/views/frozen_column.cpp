#include "gui/views/frozen_column.h"

#include <QEvent>
#include <QHeaderView>
#include <QScrollBar>

namespace headroom::gui {

FrozenColumn::FrozenColumn(QTableView* table) : QTableView(table), m_table(table) {
    setModel(table->model());
    setSelectionModel(table->selectionModel());
    setItemDelegate(table->itemDelegate());
    setAccessibleName(tr("%1: first column").arg(table->accessibleName()));
    setFocusPolicy(Qt::NoFocus);
    setFrameShape(QFrame::NoFrame);
    setShowGrid(false);
    setAlternatingRowColors(true);
    setWordWrap(table->wordWrap());
    setEditTriggers(NoEditTriggers);
    setSelectionBehavior(table->selectionBehavior());
    setSelectionMode(table->selectionMode());
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setVerticalScrollMode(table->verticalScrollMode());
    verticalHeader()->hide();
    verticalHeader()->setMinimumSectionSize(0);
    horizontalHeader()->setSectionResizeMode(QHeaderView::Fixed);
    horizontalHeader()->setHighlightSections(false);
    hide();
    table->viewport()->installEventFilter(this);
    auto& down = *table->verticalScrollBar();
    connect(&down, &QScrollBar::valueChanged, verticalScrollBar(), &QScrollBar::setValue);
    connect(verticalScrollBar(), &QScrollBar::valueChanged, &down, &QScrollBar::setValue);
    connect(table->horizontalScrollBar(), &QScrollBar::valueChanged, this,
            &FrozenColumn::followScrolling);
    connect(table->horizontalHeader(), &QHeaderView::sectionResized, this, [this] { place(); });
    connect(table->verticalHeader(), &QHeaderView::sectionResized, this,
            [this](int row, int, int height) { setRowHeight(row, height); });
    connect(model(), &QAbstractItemModel::modelReset, this, &FrozenColumn::followRows,
            Qt::QueuedConnection);
    connect(table->selectionModel(), &QItemSelectionModel::currentChanged, this,
            &FrozenColumn::uncover, Qt::QueuedConnection);
}

void FrozenColumn::followRows() {
    for (int row = 0; row < model()->rowCount(); ++row) setRowHeight(row, m_table->rowHeight(row));
    for (int column = 1; column < model()->columnCount(); ++column) hideColumn(column);
}

void FrozenColumn::followScrolling() {
    const bool wanted = m_table->horizontalScrollBar()->value() > 0;
    if (wanted == isVisible()) return;
    setVisible(wanted);
    if (!wanted) return;
    followRows();
    place();
    raise();
    verticalScrollBar()->setValue(m_table->verticalScrollBar()->value());
}

void FrozenColumn::place() {
    if (isHidden()) return;
    const int frame = m_table->frameWidth();
    const auto& heading = *m_table->horizontalHeader();
    horizontalHeader()->setFixedHeight(heading.height());
    setColumnWidth(0, heading.sectionSize(0));
    setGeometry(frame, frame, heading.sectionSize(0),
                heading.height() + m_table->viewport()->height());
}

void FrozenColumn::uncover(const QModelIndex& present) {
    if (isHidden() || !present.isValid() || present.column() == 0) return;
    auto& across = *m_table->horizontalScrollBar();
    const int covered = width() - m_table->visualRect(present).left();
    if (covered > 0) across.setValue(across.value() - covered);
}

bool FrozenColumn::eventFilter(QObject* watched, QEvent* event) {
    if (event->type() == QEvent::Resize) place();
    return QTableView::eventFilter(watched, event);
}

}  // namespace headroom::gui
