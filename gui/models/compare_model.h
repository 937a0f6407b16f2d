#pragma once

#include <QAbstractTableModel>
#include <memory>
#include <vector>

#include "gui/models/figures.h"
#include "planner/plan/plan.h"

namespace headroom::gui {

/// A plan with the name it goes by beside others.
struct NamedPlan {
    QString name{};
    std::shared_ptr<const Plan> plan{};
};

/// As much of a name as a heading has room for; its end tells files apart as often as its start.
QString heading_name(const QString& name);

/// Plans side by side, a column each: the settings they have differently, then every number. With a
/// baseline each number of the others shows its difference.
class CompareModel : public QAbstractTableModel {
    Q_OBJECT

public:
    explicit CompareModel(QObject* parent = nullptr);

    void setPlans(std::vector<NamedPlan> plans);
    /// Index of the plan that others are held against; -1: none.
    void setBaseline(int plan);
    void setFigures(const Figures& figures);
    [[nodiscard]] const std::vector<NamedPlan>& plans() const { return m_plans; }
    [[nodiscard]] int baseline() const { return m_baseline; }

    [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] QVariant data(const QModelIndex& at, int role) const override;
    [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation,
                                      int role) const override;

private:
    struct Row {
        QString name{};
        const PlanNumber* number = nullptr;  ///< null: a setting
        std::vector<QString> settings{};     ///< by plan
        bool differs = false;                ///< as it is shown
    };
    void build();
    [[nodiscard]] QString number(const Row& row, std::size_t plan) const;
    [[nodiscard]] QString cell(const Row& row, std::size_t plan) const;

    std::vector<NamedPlan> m_plans{};
    std::vector<Row> m_rows{};
    Figures m_figures{};
    int m_baseline = -1;
};

}  // namespace headroom::gui
