#include "gui/jobs/planner.h"

#include <utility>

#include "gui/document/edits.h"
#include "gui/jobs/framework_search.h"
#include "planner/cli/report_engine.h"

namespace headroom::gui {
namespace {

using std::make_shared;

std::shared_ptr<const StepDetails> details_of(const std::shared_ptr<const Plan>& plan) {
    auto out = make_shared<StepDetails>();
    out->plan = plan;
    out->step = step_memory(*plan);
    out->peak = alive_at(*plan, out->step, out->step.peak.op);
    return out;
}

/// Tells results and drops refusals: the plan's own refusal says it already.
template <class Out, class Tell>
void tell_result(Outcome<Out>& outcome, const Tell& tell) {
    if (auto* result = std::get_if<Out>(&outcome)) tell(*result);
}

}  // namespace

Planner::Planner(TimingProfile timing, QObject* parent)
    : QObject(parent),
      m_timing(std::move(timing)),
      m_plan([](const PlanRequest& request,
                const std::stop_token&) { return make_shared<const Plan>(predict(request)); },
             [this](auto outcome) { takePlan(std::move(outcome)); }),
      m_forecast(
          [this](const PlanRequest& request, const std::stop_token&) {
              return make_shared<const EngineForecast>(headroom::forecast(request, m_timing));
          },
          [this](auto outcome) { takeForecast(std::move(outcome)); }),
      m_details([](const auto& plan, const std::stop_token&) { return details_of(plan); },
                [this](auto outcome) {
                    tell_result(outcome, [this](const auto& each) { Q_EMIT detailsChanged(each); });
                }),
      m_ladder([](const PlanRequest& request,
                  const std::stop_token&) { return make_shared<const Ladder>(ladder(request)); },
               [this](auto outcome) {
                   tell_result(outcome, [this](const auto& each) { Q_EMIT ladderChanged(each); });
               }),
      m_form(
          [](const PlanRequest& request, const std::stop_token&) { return knob_states(request); },
          [this](auto outcome) {
              tell_result(outcome, [this](const auto& each) { Q_EMIT formChanged(each); });
          }),
      m_search(
          [this](const SearchRequest& request, const std::stop_token& stop) {
              const auto tell = [this](std::int64_t done, std::int64_t space) {
                  QMetaObject::invokeMethod(
                      this, [this, done, space] { Q_EMIT searchProgressed(done, space); });
              };
              auto result = headroom::search(request, stop, tell);
              if (cli::names_framework(request.base) && !stop.stop_requested()) {
                  result = as_framework_runs(request, std::move(result), m_timing);
              }
              return make_shared<const SearchResult>(std::move(result));
          },
          [this](auto outcome) {
              if (auto* refusal = std::get_if<Refusal>(&outcome)) {
                  Q_EMIT searchRefused(refusal->sentence);
              } else {
                  Q_EMIT searchEnded(std::get<0>(outcome));
              }
          }) {
    // A timer's turn comes after events that were posted, painting among them.
    m_followUp.setSingleShot(true);
    m_followUp.setInterval(0);
    connect(&m_followUp, &QTimer::timeout, this, &Planner::followUp);
}

void Planner::plan(const PlanRequest& request) {
    m_followUp.stop();
    m_current.reset();
    m_forecasted.reset();
    m_forecast.cancel();
    m_details.cancel();
    m_ladder.cancel();
    if (!is_complete(request)) {
        m_plan.cancel();
        Q_EMIT planRefused(refusal_of(request), {});
        return;
    }
    m_form.cancel();
    m_asked = request;
    m_plan.start(request);
}

void Planner::search(const SearchRequest& request) { m_search.start(request); }

void Planner::cancelSearch() { m_search.cancel(); }

bool Planner::isIdle() const {
    return !m_plan.busy() && !m_followUp.isActive() && !m_forecast.busy() && !m_details.busy() &&
           !m_ladder.busy() && !m_form.busy() && !m_search.busy();
}

void Planner::takePlan(Outcome<std::shared_ptr<const Plan>> outcome) {
    m_followUp.start();
    if (const auto* refusal = std::get_if<Refusal>(&outcome)) {
        Q_EMIT planRefused(refusal->sentence, refusal->pointer);
        return;
    }
    m_current = std::get<0>(outcome);
    Q_EMIT planChanged(m_current);
}

/// What a plan leads to waits until the plan is painted: it would take the window's processor.
void Planner::followUp() {
    m_form.start(m_asked);
    if (!m_current) return;
    if (cli::names_framework(m_current->request)) m_forecast.start(m_current->request);
    m_details.start(m_current);
    m_ladder.start(m_current->request);
}

void Planner::takeForecast(Outcome<std::shared_ptr<const EngineForecast>> outcome) {
    if (const auto* refusal = std::get_if<Refusal>(&outcome)) {
        Q_EMIT forecastRefused(refusal->sentence);
        return;
    }
    m_forecasted = std::get<0>(outcome);
    Q_EMIT forecastChanged(m_forecasted);
}

}  // namespace headroom::gui
