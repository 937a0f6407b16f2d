#pragma once

#include <QLabel>
#include <QSplitter>
#include <QWidget>
#include <memory>

#include "gui/models/plan_tables.h"
#include "gui/pages/session.h"
#include "gui/views/timeline_chart.h"

namespace headroom::gui {

/// Memory over one step, and what is alive at the moment that is chosen there.
class TimelinePanel : public QWidget {
    Q_OBJECT

public:
    explicit TimelinePanel(Session& session, QWidget* parent = nullptr);

    void showDetails(const std::shared_ptr<const StepDetails>& details);
    /// There is no plan: nothing of the one before is left to be taken for it.
    void clear();
    /// Chart and table beside each other where both have room, else one below the other.
    void arrange(int width);
    [[nodiscard]] TimelineChart& chart() { return *m_chart; }
    [[nodiscard]] const RowModel<AliveRow>& alive() const { return m_alive; }

private:
    QWidget* makeList();
    void showMoment(std::size_t op);
    void setFigures(const Figures& figures);

    Session& m_session;
    std::shared_ptr<const StepDetails> m_details{};
    std::size_t m_op = 0;  ///< the moment that is shown
    RowModel<AliveRow> m_alive = alive_model();
    QLabel* m_moment = nullptr;
    TimelineChart* m_chart = nullptr;
    QSplitter* m_split = nullptr;
};

}  // namespace headroom::gui
