#pragma once

#include <QLabel>
#include <QWidget>
#include <memory>

#include "gui/models/forecast_table.h"
#include "gui/pages/session.h"

namespace headroom::gui {

/// What the framework's own tools will show of the present plan; hidden while our own runtime is to
/// run it.
class ForecastPanel : public QWidget {
    Q_OBJECT

public:
    explicit ForecastPanel(Session& session, QWidget* parent = nullptr);

    [[nodiscard]] const RowModel<ForecastRow>& rows() const { return m_rows; }
    [[nodiscard]] QString sentence() const { return m_sentence->text(); }

private:
    /// Shown only where a framework is to run the plan.
    void showOrHide();
    void showForecast(const std::shared_ptr<const EngineForecast>& forecast);
    void showRefusal(const QString& sentence);

    Session& m_session;
    RowModel<ForecastRow> m_rows = forecast_model();
    QLabel* m_sentence = nullptr;
    QWidget* m_table = nullptr;
};

}  // namespace headroom::gui
