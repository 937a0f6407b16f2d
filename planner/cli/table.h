#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace headroom::cli {

enum class Align { left, right };

/// Columns that text takes on a terminal: code points, colour sequences not counted.
std::size_t display_width(std::string_view utf8);

/// Rows of cells in aligned columns, two spaces apart.
class Table {
public:
    /// Every line starts with `indent` spaces.
    explicit Table(std::vector<Align> columns, std::size_t indent = 2);

    /// A row; cells it lacks are empty.
    Table& add(std::vector<std::string> cells);
    [[nodiscard]] bool empty() const { return rows_.empty(); }
    /// Lines without blanks at their ends.
    [[nodiscard]] std::string text() const;

private:
    [[nodiscard]] std::vector<std::size_t> widths() const;
    [[nodiscard]] std::string line(const std::vector<std::string>& row,
                                   const std::vector<std::size_t>& widths) const;

    std::vector<Align> columns_;
    std::size_t indent_;
    std::vector<std::vector<std::string>> rows_{};
};

}  // namespace headroom::cli
