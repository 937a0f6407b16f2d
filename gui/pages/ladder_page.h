#pragma once

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
    void adopt(int rung);

private:
    Session& m_session;
    RowModel<RungRow> m_rungs = rung_model();
    Waterfall* m_waterfall = nullptr;
};

}  // namespace headroom::gui
