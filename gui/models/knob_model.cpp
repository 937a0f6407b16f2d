#include "gui/models/knob_model.h"

#include <algorithm>
#include <utility>

#include "gui/document/edits.h"
#include "gui/models/row_model.h"
#include "planner/base/error.h"

namespace headroom::gui {

KnobModel::KnobModel(QObject* parent) : QAbstractTableModel(parent), m_states(knobs().size()) {}

void KnobModel::setRequest(const PlanRequest& request) {
    m_request = request;
    Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, Columns - 1));
}

void KnobModel::setStates(std::vector<KnobState> states) {
    states.resize(knobs().size());
    m_states = std::move(states);
    Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, Columns - 1));
}

int KnobModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(knobs().size());
}

int KnobModel::columnCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : Columns;
}

QVariant KnobModel::data(const QModelIndex& at, int role) const {
    if (!checkIndex(at, CheckIndexOption::IndexIsValid)) return {};
    const Knob& knob = knobAt(at.row());
    const auto& reason = stateAt(at.row()).reason;
    if (role == Qt::ToolTipRole) {
        const auto help = QString::fromUtf8(knob.help.data(), static_cast<int>(knob.help.size()));
        return reason.isEmpty() ? help : help + QStringLiteral("\n") + reason;
    }
    if (role == kToneRole) return static_cast<int>(reason.isEmpty() ? Tone::plain : Tone::faint);
    if (role != Qt::DisplayRole && role != Qt::EditRole) return {};
    switch (at.column()) {
        case NameColumn:
            return label_of(knob);
        case ValueColumn:
            return QString::fromStdString(to_string(knob.get(m_request)));
        default:
            return reason;
    }
}

QVariant KnobModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation != Qt::Horizontal || role != Qt::DisplayRole) return {};
    switch (section) {
        case NameColumn:
            return tr("setting");
        case ValueColumn:
            return tr("value");
        case ReasonColumn:
            return tr("why not");
        default:
            return {};
    }
}

Qt::ItemFlags KnobModel::flags(const QModelIndex& at) const {
    if (!at.isValid()) return {};
    Qt::ItemFlags flags = Qt::ItemIsSelectable | Qt::ItemNeverHasChildren;
    if (!stateAt(at.row()).reason.isEmpty()) return flags;
    flags |= Qt::ItemIsEnabled;
    if (at.column() == ValueColumn) flags |= Qt::ItemIsEditable;
    return flags;
}

bool KnobModel::setData(const QModelIndex& at, const QVariant& value, int role) {
    if (!checkIndex(at, CheckIndexOption::IndexIsValid)) return false;
    if (at.column() != ValueColumn || role != Qt::EditRole) return false;
    const Knob& knob = knobAt(at.row());
    try {
        const auto next = with_knob(m_request, knob, parse(knob, value.toString().toStdString()));
        Q_EMIT edited(next, label_of(knob),
                      QString::fromUtf8(knob.name.data(), static_cast<int>(knob.name.size())));
    } catch (const InputError& error) {
        Q_EMIT refused(QString::fromUtf8(error.what()));
        return false;
    }
    return true;
}

const Knob& KnobModel::knobAt(int row) { return knobs()[static_cast<std::size_t>(row)]; }

const KnobState& KnobModel::stateAt(int row) const {
    return m_states[static_cast<std::size_t>(row)];
}

QString label_of(const Knob& knob) {
    return QString::fromUtf8(knob.name.data(), static_cast<int>(knob.name.size()))
        .replace(QLatin1Char('_'), QLatin1Char(' '));
}

}  // namespace headroom::gui
