#pragma once

#include <QBoxLayout>
#include <QLabel>
#include <QTableView>
#include <QWidget>
#include <memory>

#include "gui/models/plan_tables.h"
#include "gui/pages/forecast_panel.h"
#include "gui/pages/session.h"
#include "gui/pages/timeline_panel.h"
#include "gui/views/memory_bar.h"

namespace headroom::gui {

/// What a plan needs: does it fit, where the memory goes, how it runs over the step, what it costs.
class PlanPage : public QWidget {
    Q_OBJECT

public:
    explicit PlanPage(Session& session, QWidget* parent = nullptr);

    [[nodiscard]] MemoryBar& bar() { return *m_bar; }
    [[nodiscard]] TimelineChart& timeline() { return m_timeline->chart(); }
    [[nodiscard]] const RowModel<CategoryRow>& categories() const { return m_categories; }
    [[nodiscard]] const RowModel<CostRow>& costs() const { return m_costs; }
    [[nodiscard]] const RowModel<AliveRow>& alive() const { return m_timeline->alive(); }
    [[nodiscard]] const ForecastPanel& forecast() const { return *m_forecast; }
    [[nodiscard]] QString badgeWord() const { return m_badge->text(); }

protected:
    void changeEvent(QEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;

private:
    QWidget* makeTop();
    QWidget* makeTables();
    void arrange();
    void showPlan(const std::shared_ptr<const Plan>& plan);
    void showDetails(const std::shared_ptr<const StepDetails>& details);
    /// The verdict for whoever runs the plan.
    void showBadge();
    void showWord(const QString& word, const QString& sentence);
    void clear(const QString& sentence);
    void enlargeBadge();
    void setFigures(const Figures& figures);

    Session& m_session;
    std::shared_ptr<const Plan> m_plan{};
    std::shared_ptr<const StepDetails> m_details{};
    RowModel<CategoryRow> m_categories = category_model();
    RowModel<CostRow> m_costs = cost_model();
    RowModel<PhaseMemory> m_phases = phase_model();
    QLabel* m_badge = nullptr;
    QLabel* m_sentence = nullptr;
    QLabel* m_remedies = nullptr;
    ForecastPanel* m_forecast = nullptr;
    MemoryBar* m_bar = nullptr;
    TimelinePanel* m_timeline = nullptr;
    QBoxLayout* m_tables = nullptr;
};

}  // namespace headroom::gui
