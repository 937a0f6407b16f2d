#pragma once

#include <QLabel>
#include <QTableView>
#include <QWidget>
#include <memory>

#include "gui/models/compare_model.h"
#include "gui/pages/session.h"
#include "gui/views/boxes.h"

namespace headroom::gui {

/// Plans side by side; any of them can be the baseline that the others are held against.
class ComparePage : public QWidget {
    Q_OBJECT

public:
    explicit ComparePage(Session& session, QWidget* parent = nullptr);

    [[nodiscard]] CompareModel& model() { return m_model; }

public Q_SLOTS:
    /// Keeps the present plan as the next column.
    void keepPresent();
    /// Predicts the plan or request in a file and keeps it.
    void addFile(const QString& path);
    void setBaseline(int plan);

private:
    void openFile();
    void removeLast();
    void add(const QString& name, std::shared_ptr<const Plan> plan);
    void setPlans(std::vector<NamedPlan> plans);
    void refreshBaselines();

    Session& m_session;
    CompareModel m_model{};
    LatestJob<PlanRequest, std::shared_ptr<const Plan>> m_predict;
    QString m_predicting{};  ///< name of the file being predicted
    ChoiceBox* m_baseline = nullptr;
    QLabel* m_frameworks = nullptr;  ///< whose numbers these are, where a framework is to run one
    QTableView* m_table = nullptr;
};

}  // namespace headroom::gui
