#pragma once

#include <QObject>
#include <QString>
#include <QTimer>
#include <memory>
#include <vector>

#include "gui/jobs/latest_job.h"
#include "gui/models/knob_model.h"
#include "planner/engine/forecast.h"
#include "planner/plan/step_memory.h"
#include "planner/search/search.h"

namespace headroom::gui {

/// A plan, and how its memory runs over a step. Shared because views hold on to it; never changed.
struct StepDetails {
    std::shared_ptr<const Plan> plan{};
    StepMemory step{};
    std::vector<PeakCategory> peak{};
};

/// Predicts the request at hand on a worker, latest wins; what the framework that runs it makes of
/// it, the details and the ladder follow. The search is asked for by itself.
class Planner : public QObject {
    Q_OBJECT

public:
    explicit Planner(TimingProfile timing, QObject* parent = nullptr);

    /// Asks for the plan of a request, or says at once why there is none.
    void plan(const PlanRequest& request);
    /// Where a framework is to run the plan, the result's numbers are its forecasts.
    void search(const SearchRequest& request);
    void cancelSearch();
    [[nodiscard]] bool isSearching() const { return m_search.busy(); }
    [[nodiscard]] bool isPlanning() const { return m_plan.busy(); }
    /// Nothing runs, nothing waits.
    [[nodiscard]] bool isIdle() const;

    /// Of the last request; nothing while it is planned or when it cannot be.
    [[nodiscard]] const std::shared_ptr<const Plan>& current() const { return m_current; }
    /// The framework's forecast of `current`; nothing while it is worked out, when it cannot be,
    /// and for our own runtime.
    [[nodiscard]] const std::shared_ptr<const EngineForecast>& forecast() const {
        return m_forecasted;
    }

Q_SIGNALS:
    void planChanged(std::shared_ptr<const headroom::Plan> plan);
    void planRefused(QString sentence, QString pointer);
    /// Only where a framework is to run the plan.
    void forecastChanged(std::shared_ptr<const headroom::EngineForecast> forecast);
    void forecastRefused(QString sentence);
    void detailsChanged(std::shared_ptr<const headroom::gui::StepDetails> details);
    void formChanged(std::vector<headroom::gui::KnobState> states);
    void ladderChanged(std::shared_ptr<const headroom::Ladder> ladder);
    void searchProgressed(qint64 done, qint64 space);
    void searchEnded(std::shared_ptr<const headroom::SearchResult> result);
    void searchRefused(QString sentence);

private:
    void takePlan(Outcome<std::shared_ptr<const Plan>> outcome);
    void followUp();
    void takeForecast(Outcome<std::shared_ptr<const EngineForecast>> outcome);

    TimingProfile m_timing;
    std::shared_ptr<const Plan> m_current{};
    std::shared_ptr<const EngineForecast> m_forecasted{};
    PlanRequest m_asked{};
    QTimer m_followUp{};
    LatestJob<PlanRequest, std::shared_ptr<const Plan>> m_plan;
    LatestJob<PlanRequest, std::shared_ptr<const EngineForecast>> m_forecast;
    LatestJob<std::shared_ptr<const Plan>, std::shared_ptr<const StepDetails>> m_details;
    LatestJob<PlanRequest, std::shared_ptr<const Ladder>> m_ladder;
    LatestJob<PlanRequest, std::vector<KnobState>> m_form;
    LatestJob<SearchRequest, std::shared_ptr<const SearchResult>> m_search;
};

}  // namespace headroom::gui
