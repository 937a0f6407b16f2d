#include "planner/step/windows.h"

#include <algorithm>

namespace headroom {
namespace {

/// Blocks that are put in their places one by one; more are sorted and merged.
constexpr std::size_t kFew = 4;

}  // namespace

const std::vector<Block>& Window::blocks() {
    if (blocks_.size() - sorted_ > kFew) sort_all();
    while (sorted_ < blocks_.size()) insert_next();
    return blocks_;
}

void Window::insert_next() {
    const auto next = blocks_.begin() + static_cast<std::ptrdiff_t>(sorted_);
    const auto at =
        std::ranges::upper_bound(blocks_.begin(), next, next->bottom, {}, &Block::bottom);
    if (at != blocks_.begin() && joins(*(at - 1), *next)) {
        (at - 1)->top = next->top;
        blocks_.erase(next);
        return;
    }
    const Block block = *next;
    std::move_backward(at, next, next + 1);
    *at = block;
    ++sorted_;
}

void Window::sort_all() {
    const auto middle = blocks_.begin() + static_cast<std::ptrdiff_t>(sorted_);
    std::ranges::sort(middle, blocks_.end(), {}, &Block::bottom);
    std::ranges::inplace_merge(blocks_, middle, {}, &Block::bottom);
    std::size_t kept = 0;
    for (std::size_t i = 1; i < blocks_.size(); ++i) {
        if (joins(blocks_[kept], blocks_[i])) {
            blocks_[kept].top = blocks_[i].top;
        } else {
            blocks_[++kept] = blocks_[i];
        }
    }
    blocks_.resize(kept + 1);
    sorted_ = blocks_.size();
}

Windows::Windows(std::size_t ops) : all_(0, static_cast<std::int32_t>(ops) - 1) {
    const auto last = static_cast<std::int32_t>(ops) - 1;
    for (std::size_t row = 0; row < kSteps.size(); ++row) {
        const auto step = static_cast<std::int32_t>(kSteps[row]);
        for (std::int32_t first = 0; first <= last + 1; first += step) {
            rows_[row].emplace_back(first, std::min(first + 2 * step - 1, last));
        }
    }
}

Window& Windows::around(std::int32_t first, std::int32_t last) {
    for (std::size_t row = 0; row < kSteps.size(); ++row) {
        const auto window = static_cast<std::size_t>(first) / kSteps[row];
        const auto end = (window + 2) * kSteps[row];
        if (static_cast<std::size_t>(last) < end) return rows_[row][window];
    }
    return all_;
}

void Windows::add(const Block& block) {
    for (std::size_t row = 0; row < kSteps.size(); ++row) {
        const auto first = static_cast<std::size_t>(block.first) / kSteps[row];
        const auto last = static_cast<std::size_t>(block.last) / kSteps[row];
        for (auto w = first > 0 ? first - 1 : 0; w <= last; ++w) rows_[row][w].add(block);
    }
    all_.add(block);
}

}  // namespace headroom
