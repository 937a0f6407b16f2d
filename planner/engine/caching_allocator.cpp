#include "planner/engine/caching_allocator.h"

#include <algorithm>
#include <bit>

namespace headroom {

std::int32_t CachingAllocator::new_block(Block block) {
    if (unused_.empty()) {
        blocks_.push_back(block);
        return static_cast<std::int32_t>(blocks_.size()) - 1;
    }
    const std::int32_t at = unused_.back();
    unused_.pop_back();
    this->block(at) = block;
    return at;
}

void CachingAllocator::reserve(std::int64_t bytes) {
    reserved_ += bytes;
    peak_reserved_ = std::max(peak_reserved_, reserved_);
}

/// With roundup_power2_divisions, sizes above so many smallest blocks are rounded more coarsely.
std::int64_t CachingAllocator::rounded(std::int64_t size) const {
    if (rules_.divisions <= 1 || size <= rules_.round * rules_.divisions) {
        return round_up(size, rules_.round);
    }
    const auto power = static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(size)));
    return round_up(size, power / rules_.divisions);
}

std::int64_t CachingAllocator::segment_size(std::int64_t size, Pool pool) const {
    if (pool == Pool::small) return rules_.small_segment;
    if (size < rules_.middle_limit) return rules_.middle_segment;
    return round_up(size, rules_.large_round);
}

std::int32_t CachingAllocator::new_segment(std::int64_t size, Pool pool) {
    if (rules_.growth == SegmentGrowth::expandable) return grow_expandable(size, pool);
    const std::int64_t whole = segment_size(size, pool);
    reserve(whole);
    return new_block({.size = whole, .pool = pool});
}

/// One segment a pool, with pages mapped at its end; a free block there is used first.
std::int32_t CachingAllocator::grow_expandable(std::int64_t size, Pool pool) {
    std::int32_t& tail = tail_[static_cast<std::size_t>(pool)];
    const std::int64_t page = pool == Pool::small ? rules_.small_segment : rules_.expandable_page;
    const bool extends = tail != kNone && block(tail).free;
    const std::int64_t more = round_up(size - (extends ? block(tail).size : 0), page);
    reserve(more);
    if (extends) {
        free_list(pool).erase({block(tail).size, tail});
        block(tail).size += more;
        block(tail).free = false;
        return tail;
    }
    const std::int32_t at = new_block({.size = more, .before = tail, .pool = pool});
    if (tail != kNone) block(tail).after = at;
    tail = at;
    return at;
}

bool CachingAllocator::leaves_rest(std::int64_t rest, Pool pool) const {
    if (pool == Pool::small || rules_.growth == SegmentGrowth::expandable) {
        return rest >= rules_.round;
    }
    return rest > rules_.small_limit;
}

void CachingAllocator::split(std::int32_t at, std::int64_t size) {
    const Pool pool = block(at).pool;
    const std::int64_t rest = block(at).size - size;
    if (!leaves_rest(rest, pool)) return;
    const std::int32_t after = block(at).after;
    const std::int32_t part =
        new_block({.size = rest, .before = at, .after = after, .pool = pool, .free = true});
    block(at).size = size;
    block(at).after = part;
    if (after != kNone) block(after).before = part;
    std::int32_t& tail = tail_[static_cast<std::size_t>(pool)];
    if (tail == at) tail = part;
    free_list(pool).insert({rest, part});
}

CachingAllocator::Handle CachingAllocator::allocate(Bytes size) {
    const std::int64_t wanted = rounded(std::max<std::int64_t>(size.count(), 1));
    const Pool pool = wanted <= rules_.small_limit ? Pool::small : Pool::large;
    auto& list = free_list(pool);
    const auto found = list.lower_bound({wanted, kNone});
    std::int32_t at = kNone;
    if (found != list.end()) {
        at = found->second;
        list.erase(found);
        block(at).free = false;
    } else {
        at = new_segment(wanted, pool);
    }
    split(at, wanted);
    allocated_ += block(at).size;
    peak_allocated_ = std::max(peak_allocated_, allocated_);
    return static_cast<Handle>(at);
}

std::int32_t CachingAllocator::join(std::int32_t left, std::int32_t right) {
    block(left).size += block(right).size;
    block(left).after = block(right).after;
    if (block(left).after != kNone) block(block(left).after).before = left;
    std::int32_t& tail = tail_[static_cast<std::size_t>(block(left).pool)];
    if (tail == right) tail = left;
    unused_.push_back(right);
    return left;
}

void CachingAllocator::release(Handle handle) {
    auto at = static_cast<std::int32_t>(handle);
    allocated_ -= block(at).size;
    const Pool pool = block(at).pool;
    auto& list = free_list(pool);
    const std::int32_t before = block(at).before;
    if (before != kNone && block(before).free) {
        list.erase({block(before).size, before});
        at = join(before, at);
    }
    const std::int32_t after = block(at).after;
    if (after != kNone && block(after).free) {
        list.erase({block(after).size, after});
        at = join(at, after);
    }
    block(at).free = true;
    list.insert({block(at).size, at});
}

void CachingAllocator::trim() {
    for (std::size_t p = 0; p < free_.size(); ++p) {
        auto& list = free_[p];
        for (auto it = list.begin(); it != list.end();) {
            const std::int32_t at = it->second;
            const bool whole = block(at).before == kNone && block(at).after == kNone;
            if (!whole) {
                ++it;
                continue;
            }
            reserved_ -= block(at).size;
            if (tail_[p] == at) tail_[p] = kNone;
            unused_.push_back(at);
            it = list.erase(it);
        }
    }
}

void CachingAllocator::reset_peaks() {
    peak_allocated_ = allocated_;
    peak_reserved_ = reserved_;
}

}  // namespace headroom
