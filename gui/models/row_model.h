#pragma once

#include <QAbstractTableModel>
#include <QString>
#include <QVariant>
#include <utility>
#include <vector>

#include "gui/models/figures.h"

namespace headroom::gui {

/// How a row stands out; a view turns it into colour and weight, never colour alone.
enum class Tone { plain, good, warning, bad, faint, heading };

/// What a model answers beside Qt's own roles: what a column sorts by, a row's Tone as an int, and
/// all words of a row, for a filter.
inline constexpr int kSortRole = Qt::UserRole;
inline constexpr int kToneRole = Qt::UserRole + 1;
inline constexpr int kWordsRole = Qt::UserRole + 2;

/// One column of a table over rows of a type.
template <class Row>
struct Column {
    const char* title = "";
    const char* tip = "";  ///< what the heading means
    QString (*text)(const Row&, const Figures&) = nullptr;
    /// What it sorts by; null: its text.
    QVariant (*key)(const Row&) = nullptr;
    Qt::Alignment align = Qt::AlignLeft | Qt::AlignVCenter;
};

/// A table model over a vector of values; columns are a table of their own.
template <class Row>
class RowModel : public QAbstractTableModel {
public:
    using Mark = Tone (*)(const Row&);
    using Note = QString (*)(const Row&, const Figures&);
    using Words = QString (*)(const Row&);

    /// `words`: what a filter finds beside the cells.
    explicit RowModel(std::vector<Column<Row>> columns, Mark tone = nullptr, Note note = nullptr,
                      Words words = nullptr, QObject* parent = nullptr)
        : QAbstractTableModel(parent),
          m_columns(std::move(columns)),
          m_tone(tone),
          m_note(note),
          m_words(words) {}

    void setRows(std::vector<Row> rows) {
        beginResetModel();
        m_rows = std::move(rows);
        endResetModel();
    }
    void setFigures(const Figures& figures) {
        m_figures = figures;
        if (m_rows.empty()) return;
        Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, columnCount() - 1));
    }
    [[nodiscard]] const std::vector<Row>& rows() const { return m_rows; }
    [[nodiscard]] const Row& row(int at) const { return m_rows[static_cast<std::size_t>(at)]; }

    [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override {
        return parent.isValid() ? 0 : static_cast<int>(m_rows.size());
    }
    [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override {
        return parent.isValid() ? 0 : static_cast<int>(m_columns.size());
    }

    [[nodiscard]] QVariant data(const QModelIndex& at, int role) const override {
        if (!checkIndex(at, CheckIndexOption::IndexIsValid)) return {};
        const Row& each = row(at.row());
        const auto& column = m_columns[static_cast<std::size_t>(at.column())];
        switch (role) {
            case Qt::DisplayRole:
                return column.text(each, m_figures);
            case Qt::TextAlignmentRole:
                return QVariant::fromValue(column.align);
            case Qt::ToolTipRole:
                return m_note != nullptr ? QVariant(m_note(each, m_figures)) : QVariant();
            case kSortRole:
                return column.key != nullptr ? column.key(each)
                                             : QVariant(column.text(each, m_figures));
            case kToneRole:
                return static_cast<int>(m_tone != nullptr ? m_tone(each) : Tone::plain);
            case kWordsRole:
                return wordsOf(each);
            default:
                return {};
        }
    }

    [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation,
                                      int role) const override {
        if (orientation != Qt::Horizontal || section < 0 || section >= columnCount()) return {};
        const auto& column = m_columns[static_cast<std::size_t>(section)];
        if (role == Qt::DisplayRole) {
            return QString::fromUtf8(column.title)
                .replace(QLatin1String("%unit"), m_figures.unitName());
        }
        if (role == Qt::ToolTipRole) return QString::fromUtf8(column.tip);
        if (role == Qt::TextAlignmentRole) return QVariant::fromValue(column.align);
        return {};
    }

private:
    [[nodiscard]] QString wordsOf(const Row& row) const {
        QString out = m_words != nullptr ? m_words(row) : QString();
        for (const auto& column : m_columns) {
            out += QLatin1Char('\n') + column.text(row, m_figures);
        }
        return out.remove(kMayBreak);
    }

    std::vector<Column<Row>> m_columns;
    Mark m_tone;
    Note m_note;
    Words m_words;
    Figures m_figures{};
    std::vector<Row> m_rows{};
};

inline constexpr Qt::Alignment kRight = Qt::AlignRight | Qt::AlignVCenter;

}  // namespace headroom::gui
