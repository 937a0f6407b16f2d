#include "planner/step/free_list.h"

#include <algorithm>
#include <limits>

namespace headroom {

std::size_t FreeList::best_fit(std::int64_t size) const {
    std::size_t best = free_.size();
    std::int64_t best_size = std::numeric_limits<std::int64_t>::max();
    for (std::size_t i = 0; i < free_.size(); ++i) {
        const std::int64_t here = free_[i].size;
        if (here == size) return i;
        if (here > size && here < best_size) {
            best = i;
            best_size = here;
        }
    }
    return best;
}

std::int64_t FreeList::take(std::int64_t size) {
    if (const std::size_t fit = best_fit(size); fit < free_.size()) {
        Block& block = free_[fit];
        const std::int64_t offset = block.offset;
        block.offset += size;
        block.size -= size;
        if (block.size == 0) free_.erase(free_.begin() + static_cast<std::ptrdiff_t>(fit));
        return offset;
    }
    std::int64_t offset = height_;
    if (!free_.empty() && free_.back().offset + free_.back().size == height_) {
        offset = free_.back().offset;
        free_.pop_back();
    }
    height_ = offset + size;
    return offset;
}

void FreeList::release(std::int64_t offset, std::int64_t size) {
    auto next = std::ranges::lower_bound(free_, offset, {}, &Block::offset);
    const bool joins_next = next != free_.end() && next->offset == offset + size;
    if (next != free_.begin()) {
        const auto before = next - 1;
        if (before->offset + before->size == offset) {
            before->size += size;
            if (!joins_next) return;
            before->size += next->size;
            free_.erase(next);
            return;
        }
    }
    if (joins_next) {
        *next = {offset, size + next->size};
    } else {
        free_.insert(next, {offset, size});
    }
}

}  // namespace headroom
