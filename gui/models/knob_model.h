#pragma once

#include <QAbstractTableModel>
#include <QString>
#include <vector>

#include "planner/spec/knob.h"

namespace headroom::gui {

/// Whether one value of a choice may be taken.
struct ChoiceState {
    QString word{};
    QString reason{};  ///< empty: it may
};
/// Whether a setting can be turned at all.
struct KnobState {
    QString reason{};  ///< why not; empty: it can
    std::vector<ChoiceState> choices{};
};

/// For each of `knobs()`, in their order: tries other values and takes what `validate` says. A
/// fault that the request has anyway is not held against a setting.
std::vector<KnobState> knob_states(const PlanRequest& request);

/// The technique form as a model: a row a knob (name, value, why it cannot be turned), straight
/// from the knob table. Setting a value asks for an edit; the document makes it and shows it here
/// again.
class KnobModel : public QAbstractTableModel {
    Q_OBJECT

public:
    enum Section { NameColumn, ValueColumn, ReasonColumn, Columns };

    explicit KnobModel(QObject* parent = nullptr);

    void setRequest(const PlanRequest& request);
    /// By knob, from `knob_states`.
    void setStates(std::vector<KnobState> states);

    [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] QVariant data(const QModelIndex& at, int role) const override;
    [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation,
                                      int role) const override;
    [[nodiscard]] Qt::ItemFlags flags(const QModelIndex& at) const override;
    /// Text as `--pin` takes it. False, and `refused`, when the knob does not take it.
    bool setData(const QModelIndex& at, const QVariant& value, int role) override;

    [[nodiscard]] static const Knob& knobAt(int row);
    [[nodiscard]] const KnobState& stateAt(int row) const;
    [[nodiscard]] const PlanRequest& request() const { return m_request; }

Q_SIGNALS:
    void edited(const headroom::PlanRequest& next, const QString& text, const QString& field);
    void refused(const QString& sentence);

private:
    PlanRequest m_request{};
    std::vector<KnobState> m_states;
};

/// "micro batch": a knob's name for people.
QString label_of(const Knob& knob);

}  // namespace headroom::gui
