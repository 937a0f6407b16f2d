#include "gui/models/compare_model.h"

#include <algorithm>
#include <utility>

#include "gui/models/row_model.h"

namespace headroom::gui {

QString heading_name(const QString& name) {
    constexpr qsizetype kMost = 32;
    constexpr qsizetype kHalf = kMost / 2 - 1;
    if (name.size() <= kMost) return name;
    return name.left(kHalf) + QStringLiteral("…") + name.right(kHalf);
}

CompareModel::CompareModel(QObject* parent) : QAbstractTableModel(parent) {}

void CompareModel::setPlans(std::vector<NamedPlan> plans) {
    beginResetModel();
    m_plans = std::move(plans);
    if (m_baseline >= static_cast<int>(m_plans.size())) m_baseline = -1;
    build();
    endResetModel();
}

void CompareModel::setBaseline(int plan) {
    beginResetModel();
    m_baseline = plan < static_cast<int>(m_plans.size()) ? plan : -1;
    endResetModel();
}

void CompareModel::setFigures(const Figures& figures) {
    beginResetModel();
    m_figures = figures;
    build();
    endResetModel();
}

void CompareModel::build() {
    m_rows.clear();
    if (m_plans.empty()) return;
    const auto& first = *m_plans.front().plan;
    for (std::size_t p = 1; p < m_plans.size(); ++p) {
        for (const auto& each : setting_differences(first.request, m_plans[p].plan->request)) {
            const auto name = text(each.setting);
            auto row = std::ranges::find(m_rows, name, &Row::name);
            if (row == m_rows.end()) {
                const std::vector<QString> same(m_plans.size(), text(each.a));
                row = m_rows.insert(row, {.name = name, .settings = same, .differs = true});
            }
            row->settings[p] = text(each.b);
        }
    }
    for (const auto& number : plan_numbers()) {
        Row row{.name = text(number.name), .number = &number};
        for (std::size_t p = 1; p < m_plans.size(); ++p) {
            row.differs = row.differs || this->number(row, p) != this->number(row, 0);
        }
        m_rows.push_back(std::move(row));
    }
}

int CompareModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(m_rows.size());
}

int CompareModel::columnCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(m_plans.size()) + 1;
}

QString CompareModel::number(const Row& row, std::size_t plan) const {
    return m_figures.number(row.number->unit, row.number->get(*m_plans[plan].plan));
}

QString CompareModel::cell(const Row& row, std::size_t plan) const {
    if (row.number == nullptr) return row.settings[plan];
    const auto shown = number(row, plan);
    const auto base = static_cast<std::size_t>(m_baseline);
    if (m_baseline < 0 || base == plan) return shown;
    const double more = row.number->get(*m_plans[plan].plan) - row.number->get(*m_plans[base].plan);
    // What is too little to be seen is no difference.
    const auto change = shown == number(row, base) ? QStringLiteral("=")
                                                   : m_figures.difference(row.number->unit, more);
    return QStringLiteral("%1   (%2)").arg(shown, change);
}

QVariant CompareModel::data(const QModelIndex& at, int role) const {
    if (!checkIndex(at, CheckIndexOption::IndexIsValid)) return {};
    const Row& row = m_rows[static_cast<std::size_t>(at.row())];
    if (role == kToneRole) {
        const Tone same = m_plans.size() > 1 ? Tone::faint : Tone::plain;
        return static_cast<int>(row.differs ? Tone::heading : same);
    }
    if (role == Qt::TextAlignmentRole && at.column() > 0) return QVariant::fromValue(kRight);
    if (role != Qt::DisplayRole && role != kSortRole) return {};
    if (at.column() == 0) return row.name;
    return cell(row, static_cast<std::size_t>(at.column() - 1));
}

QVariant CompareModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation != Qt::Horizontal || section < 0 || section >= columnCount()) return {};
    constexpr Qt::Alignment kLeft = Qt::AlignLeft | Qt::AlignVCenter;
    if (role == Qt::TextAlignmentRole) return QVariant::fromValue(section > 0 ? kRight : kLeft);
    if (role != Qt::DisplayRole && role != Qt::ToolTipRole) return {};
    if (section == 0) return role == Qt::DisplayRole ? tr("setting or number") : QString();
    const auto& whole = m_plans[static_cast<std::size_t>(section - 1)].name;
    const auto name = role == Qt::ToolTipRole ? whole : heading_name(whole);
    const bool base = section - 1 == m_baseline;
    return base ? tr("%1 (baseline)").arg(name) : name;
}

}  // namespace headroom::gui
