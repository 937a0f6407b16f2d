#include "gui/pages/ladder_page.h"

#include <QScrollArea>
#include <QVBoxLayout>
#include <algorithm>

#include "gui/document/edits.h"
#include "gui/views/table_view.h"

namespace headroom::gui {

namespace {

/// Columns that follow from those of two rungs.
constexpr int kBuys = 2;
constexpr int kCosts = 4;

}  // namespace

LadderPage::LadderPage(Session& session, QWidget* parent) : QWidget(parent), m_session(session) {
    auto* area = new QScrollArea(this);
    area->setAccessibleName(tr("Ladder"));
    area->setWidgetResizable(true);
    area->setFrameShape(QFrame::NoFrame);
    auto* inside = new QWidget(area);
    auto* column = new QVBoxLayout(inside);
    area->setWidget(inside);
    auto* all = new QVBoxLayout(this);
    all->setContentsMargins(0, 0, 0, 0);
    all->addWidget(area);
    m_lead = new QLabel(this);
    m_lead->setWordWrap(true);
    m_lead->setObjectName(QStringLiteral("ladder_lead"));
    m_waterfall = new Waterfall(this);
    m_table = make_table(&m_rungs, tr("Rungs of the ladder"), Sorting::off, this);
    wrap_explanations(m_table);
    spare_columns(m_table, {kCosts, kBuys});
    fit_height(m_table);
    column->addWidget(m_lead);
    column->addWidget(m_waterfall, 1);
    column->addWidget(m_table);
    connect(m_waterfall, &Waterfall::adopted, this, &LadderPage::adopt);
    connect(m_table, &QTableView::activated, this,
            [this](const QModelIndex& at) { adopt(at.row()); });
    connect(&session.planner, &Planner::ladderChanged, this,
            [this](const std::shared_ptr<const Ladder>& ladder) { take(*ladder); });
    connect(&session.planner, &Planner::planRefused, this, &LadderPage::clear);
    connect(&session, &Session::figuresChanged, this, [this](const Figures& figures) {
        m_waterfall->setFigures(figures);
        m_rungs.setFigures(figures);
    });
}

void LadderPage::take(const Ladder& ladder) {
    m_of = m_session.document.request();
    auto rows = rung_rows(ladder);
    m_waterfall->setRungs(rows, m_of.hardware.profile.memory_capacity);
    const bool noted =
        std::ranges::any_of(rows, [](const RungRow& row) { return !row.rung.note.empty(); });
    m_table->setColumnHidden(m_rungs.columnCount({}) - 1, !noted);
    m_rungs.setRows(std::move(rows));
    m_lead->setText(
        tr("Each rung stands on top of the one before it, from data parallel alone, with one "
           "sequence a GPU. Click a rung, or press Return on it, to adopt it: the batch stays as "
           "it is, by accumulation."));
}

/// There is no plan: nothing of the ladder before is left to be adopted.
void LadderPage::clear(const QString& sentence) {
    m_waterfall->setRungs({}, {});
    m_rungs.setRows({});
    m_lead->setText(tr("No ladder: %1").arg(sentence));
}

void LadderPage::adoptFirstFit() {
    const auto& rows = m_rungs.rows();
    const auto first = std::ranges::find_if(rows, &RungRow::first);
    if (first != rows.end()) {
        adopt(static_cast<int>(first - rows.begin()));
    } else {
        m_session.tell(rows.empty() ? tr("There is no ladder yet.")
                                    : tr("No rung of the ladder fits."));
    }
}

void LadderPage::adopt(int rung) {
    if (rung < 0 || rung >= m_rungs.rowCount()) return;
    const auto& present = m_session.document.request();
    if (present != m_of) {
        m_session.tell(tr("The ladder of the present request is still being worked out."));
        return;
    }
    const RungRow row = m_rungs.row(rung);  // a copy: the edit makes a new ladder
    if (row.isSkipped()) {
        m_session.tell(
            tr("%1 changes nothing here: %2.").arg(text(row.rung.name), text(row.rung.note)));
        return;
    }
    m_session.document.edit(with_batch(row.rung.request, batch_of(present)),
                            tr("ladder: %1").arg(text(row.rung.name)));
}

}  // namespace headroom::gui
