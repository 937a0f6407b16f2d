#include "planner/step/free_list.h"

#include <iterator>

namespace headroom {

std::int64_t FreeList::take(std::int64_t size) {
    if (const auto fit = by_size_.lower_bound({size, 0}); fit != by_size_.end()) {
        const auto [free, offset] = *fit;
        erase(by_offset_.find(offset));
        if (free > size) insert(offset + size, free - size);
        return offset;
    }
    std::int64_t offset = height_;
    if (!by_offset_.empty()) {
        const auto last = std::prev(by_offset_.end());
        if (last->first + last->second == height_) {
            offset = last->first;
            erase(last);
        }
    }
    height_ = offset + size;
    return offset;
}

void FreeList::release(std::int64_t offset, std::int64_t size) {
    auto next = by_offset_.lower_bound(offset);
    if (next != by_offset_.end() && next->first == offset + size) {
        size += next->second;
        erase(next++);
    }
    if (next != by_offset_.begin()) {
        const auto before = std::prev(next);
        if (before->first + before->second == offset) {
            offset = before->first;
            size += before->second;
            erase(before);
        }
    }
    insert(offset, size);
}

void FreeList::insert(std::int64_t offset, std::int64_t size) {
    by_offset_.emplace(offset, size);
    by_size_.emplace(size, offset);
}

void FreeList::erase(std::map<std::int64_t, std::int64_t>::iterator block) {
    by_size_.erase({block->second, block->first});
    by_offset_.erase(block);
}

}  // namespace headroom
