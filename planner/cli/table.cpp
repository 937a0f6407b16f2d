#include "planner/cli/table.h"

#include <algorithm>
#include <utility>

namespace headroom::cli {
namespace {

constexpr std::size_t kGap = 2;

bool continues_code_point(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

std::string padded(const std::string& cell, std::size_t width, Align align) {
    const std::size_t used = display_width(cell);
    const std::string blanks(width > used ? width - used : 0, ' ');
    return align == Align::left ? cell + blanks : blanks + cell;
}

}  // namespace

std::size_t display_width(std::string_view utf8) {
    std::size_t width = 0;
    bool in_sequence = false;
    for (const char c : utf8) {
        if (c == '\033') {
            in_sequence = true;
        } else if (in_sequence) {
            in_sequence = c != 'm';
        } else if (!continues_code_point(c)) {
            ++width;
        }
    }
    return width;
}

Table::Table(std::vector<Align> columns, std::size_t indent)
    : columns_(std::move(columns)), indent_(indent) {}

Table& Table::add(std::vector<std::string> cells) {
    cells.resize(columns_.size());
    rows_.push_back(std::move(cells));
    return *this;
}

std::vector<std::size_t> Table::widths() const {
    std::vector<std::size_t> out(columns_.size(), 0);
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            out[i] = std::max(out[i], display_width(row[i]));
        }
    }
    return out;
}

std::string Table::line(const std::vector<std::string>& row,
                        const std::vector<std::size_t>& widths) const {
    std::string out(indent_, ' ');
    for (std::size_t i = 0; i < row.size(); ++i) {
        if (i > 0) out.append(kGap, ' ');
        out += padded(row[i], widths[i], columns_[i]);
    }
    out.erase(out.find_last_not_of(' ') + 1);
    return out + "\n";
}

std::string Table::text() const {
    const auto wide = widths();
    std::string out;
    for (const auto& row : rows_) out += line(row, wide);
    return out;
}

}  // namespace headroom::cli
