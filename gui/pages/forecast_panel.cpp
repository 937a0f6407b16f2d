#include "gui/pages/forecast_panel.h"

#include <QVBoxLayout>

#include "gui/views/table_view.h"
#include "planner/cli/report_engine.h"

namespace headroom::gui {

ForecastPanel::ForecastPanel(Session& session, QWidget* parent)
    : QWidget(parent), m_session(session) {
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    m_sentence = new QLabel(this);
    m_sentence->setWordWrap(true);
    m_sentence->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_sentence->setAccessibleName(tr("Who runs the plan"));
    auto* table = make_table(&m_rows, tr("Forecast of the framework"), Sorting::off, this);
    wrap_explanations(table);
    fit_height(table);
    m_table = table;
    column->addWidget(m_sentence);
    column->addWidget(table);
    hide();
    connect(&session.document, &PlanDocument::requestChanged, this, &ForecastPanel::showOrHide);
    connect(&session.planner, &Planner::forecastChanged, this, &ForecastPanel::showForecast);
    connect(&session.planner, &Planner::forecastRefused, this, &ForecastPanel::showRefusal);
    connect(&session.planner, &Planner::planRefused, this, &QWidget::hide);
    connect(&session, &Session::figuresChanged, this,
            [this](const Figures& figures) { m_rows.setFigures(figures); });
}

void ForecastPanel::showOrHide() {
    setVisible(cli::names_framework(m_session.document.request()));
    if (isHidden()) m_rows.setRows({});
}

void ForecastPanel::showForecast(const std::shared_ptr<const EngineForecast>& forecast) {
    m_rows.setRows(forecast_rows(*m_session.planner.current(), *forecast));
    m_sentence->setText(tr("%1: %2. The bars, the tables below and the ladder stay those of this "
                           "program's own runtime.")
                            .arg(text(forecast->engine->id), text(forecast->engine->describes)));
    m_table->show();
}

void ForecastPanel::showRefusal(const QString& sentence) {
    m_rows.setRows({});
    m_table->hide();
    m_sentence->setText(tr("No forecast: %1").arg(sentence));
}

}  // namespace headroom::gui
