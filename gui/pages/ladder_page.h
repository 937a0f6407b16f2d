#pragma once

#include <QLabel>
#include <QTableView>
#include <QWidget>
#include <memory>

#include "gui/models/search_tables.h"
#include "gui/pages/session.h"
#include "gui/views/waterfall.h"

namespace headroom::gui {

/// The article's order of techniques: what each rung buys and costs. A rung can be adopted.
class LadderPage : public QWidget {
    Q_OBJECT

public:
    explicit LadderPage(Session& session, QWidget* parent = nullptr);

    [[nodiscard]] const RowModel<RungRow>& rungs() const { return m_rungs; }
    [[nodiscard]] Waterfall& waterfall() { return *m_waterfall; }
    /// Takes what the rung turns on; the batch stays.
    void adopt(int rung);
    void adoptFirstFit();

private:
    void take(const Ladder& ladder);
    void clear(const QString& sentence);

    Session& m_session;
    PlanRequest m_of{};  ///< whose ladder it is
    RowModel<RungRow> m_rungs = rung_model();
    QLabel* m_lead = nullptr;
    Waterfall* m_waterfall = nullptr;
    QTableView* m_table = nullptr;
};

}  // namespace headroom::gui
