#pragma once

#include <QFont>
#include <QTableView>
#include <vector>

namespace headroom::gui {

/// The font that a cell is drawn in: its row's tone may be bold.
QFont cellFont(const QModelIndex& at, const QFont& font);

/// A table whose columns and rows follow contents, font and width. Where sentences wrap and the
/// columns before them leave too little room, words in those wrap as well, down to one a line.
class FittedTable : public QTableView {
    Q_OBJECT

public:
    using QTableView::QTableView;

    /// A table that nobody sees is fitted when it is shown.
    void fit();
    void fitRows();
    /// Columns that are left out, the first one first, while there is no room for all.
    void setSpare(std::vector<int> columns);
    /// Headings and some rows.
    [[nodiscard]] QSize minimumSizeHint() const override;

protected:
    void changeEvent(QEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void showEvent(QShowEvent* event) override;

private:
    /// The headings take font and width after the table itself.
    void fitSoon();
    void fitColumns();
    /// Every column but the last; what that one then lacks.
    int fitBefore(int last);
    /// Columns of words before the last one give up what that one lacks.
    int narrowWords(int last);
    [[nodiscard]] bool holdsWords(int column) const;
    /// What a column needs for lines of one word, up to some width.
    [[nodiscard]] int widestWord(int column) const;
    [[nodiscard]] int widthBefore(int last) const;

    std::vector<int> m_spare{};
    std::vector<int> m_leftOut{};  ///< of those, at present
    bool m_fitsWhenShown = false;
    bool m_fitting = false;  ///< widths change one after another, heights follow once
};

}  // namespace headroom::gui
