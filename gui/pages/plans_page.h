#pragma once

#include <QCheckBox>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QProgressBar>
#include <QPushButton>
#include <QTableView>
#include <QToolButton>
#include <QWidget>
#include <memory>

#include "gui/models/search_tables.h"
#include "gui/pages/session.h"
#include "gui/views/boxes.h"
#include "gui/views/pareto_chart.h"

namespace headroom::gui {

/// The search: what to look for, the plans that nothing beats as table and chart, and a way to take
/// one.
class PlansPage : public QWidget {
    Q_OBJECT

public:
    explicit PlansPage(Session& session, QWidget* parent = nullptr);

    [[nodiscard]] const RowModel<CandidateRow>& candidates() const { return m_candidates; }
    [[nodiscard]] QTableView& table() { return *m_table; }
    [[nodiscard]] ParetoChart& chart() { return *m_chart; }
    [[nodiscard]] QString status() const { return m_status->text(); }
    /// Names of the knobs that the next search holds.
    [[nodiscard]] const std::vector<std::string>& pinned() const;
    void pin(const QString& knob, bool on);

public Q_SLOTS:
    void startSearch();
    void cancelSearch();
    void adoptSelected();

private:
    QLayout* makeQuestion();
    QLayout* makeTools();
    void fillPins();
    void editQuestion(const SearchQuestion& next, const QString& text, const QString& field = {});
    /// Shows the document's question.
    void refresh();
    void fillColumns();
    void dropOutdated();
    void take(const SearchResult& result);
    void setBusy(bool busy);
    void selectRow(int row);
    [[nodiscard]] int selectedRow() const;

    Session& m_session;
    PlanRequest m_asked{};  ///< whose plans were searched for
    RowModel<CandidateRow> m_candidates = candidate_model();
    ChoiceBox* m_aim = nullptr;
    QCheckBox* m_holdBatch = nullptr;
    NumberBox* m_budget = nullptr;
    QMenu* m_pins = nullptr;
    QToolButton* m_pinButton = nullptr;
    QMenu* m_columns = nullptr;
    QPushButton* m_start = nullptr;
    QPushButton* m_cancel = nullptr;
    QProgressBar* m_progress = nullptr;
    QLabel* m_status = nullptr;
    QLineEdit* m_filter = nullptr;
    QTableView* m_table = nullptr;
    ParetoChart* m_chart = nullptr;
};

}  // namespace headroom::gui
