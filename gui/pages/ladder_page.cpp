#include "gui/pages/ladder_page.h"

#include <QLabel>
#include <QScrollArea>
#include <QTableView>
#include <QVBoxLayout>

#include "gui/views/table_view.h"

namespace headroom::gui {

LadderPage::LadderPage(Session& session, QWidget* parent) : QWidget(parent), m_session(session) {
    auto* area = new QScrollArea(this);
    area->setWidgetResizable(true);
    area->setFrameShape(QFrame::NoFrame);
    auto* inside = new QWidget(area);
    auto* column = new QVBoxLayout(inside);
    area->setWidget(inside);
    auto* all = new QVBoxLayout(this);
    all->setContentsMargins(0, 0, 0, 0);
    all->addWidget(area);
    auto* lead = new QLabel(tr("Each rung stands on top of the one before it, from data parallel "
                               "alone. Click a rung, or press Return on it, to adopt it."),
                            this);
    lead->setWordWrap(true);
    m_waterfall = new Waterfall(this);
    auto* table = make_table(&m_rungs, tr("Rungs of the ladder"), Sorting::off, this);
    wrap_explanations(table);
    fit_height(table);
    column->addWidget(lead);
    column->addWidget(m_waterfall, 1);
    column->addWidget(table);
    connect(m_waterfall, &Waterfall::adopted, this, &LadderPage::adopt);
    connect(table, &QTableView::activated, this,
            [this](const QModelIndex& at) { adopt(at.row()); });
    connect(&session.planner, &Planner::ladderChanged, this,
            [this](const std::shared_ptr<const Ladder>& ladder) {
                auto rows = rung_rows(*ladder);
                m_waterfall->setRungs(
                    rows, m_session.document.request().hardware.profile.memory_capacity);
                m_rungs.setRows(std::move(rows));
            });
    connect(&session, &Session::figuresChanged, this, [this](const Figures& figures) {
        m_waterfall->setFigures(figures);
        m_rungs.setFigures(figures);
    });
}

void LadderPage::adopt(int rung) {
    if (rung < 0 || rung >= m_rungs.rowCount()) return;
    const RungRow row = m_rungs.row(rung);  // a copy: the edit makes a new ladder
    if (row.isSkipped()) {
        m_session.tell(
            tr("%1 changes nothing here: %2.").arg(text(row.rung.name), text(row.rung.note)));
        return;
    }
    m_session.document.edit(row.rung.request, tr("ladder: %1").arg(text(row.rung.name)));
}

}  // namespace headroom::gui
