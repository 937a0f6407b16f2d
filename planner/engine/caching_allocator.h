#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "planner/base/units.h"

namespace headroom {

enum class SegmentGrowth : std::uint8_t { fixed, expandable };

/// Rules of PyTorch's CUDA caching allocator, of its documented defaults
/// (c10/cuda/CUDACachingAllocator; docs: torch.cuda memory management notes).
struct AllocatorRules {
    SegmentGrowth growth = SegmentGrowth::fixed;
    std::int64_t round = 512;                ///< every request is rounded up to it
    std::int64_t small_limit = 1 << 20;      ///< requests up to it come from the small pool
    std::int64_t small_segment = 2 << 20;    ///< what the small pool asks the driver for
    std::int64_t middle_segment = 20 << 20;  ///< the large pool, for requests below `middle_limit`
    std::int64_t middle_limit = 10 << 20;
    std::int64_t large_round = 2 << 20;       ///< larger requests get a segment of their own
    std::int64_t expandable_page = 20 << 20;  ///< what an expandable segment grows by
    std::int64_t divisions = 0;  ///< > 0: sizes round up to such a part of the power of two below
};

/// The allocator's book-keeping, without a device: what is in use and what is held for reuse.
class CachingAllocator {
public:
    explicit CachingAllocator(AllocatorRules rules = {}) : rules_(rules) {}

    using Handle = std::uint32_t;
    /// A block for `size` bytes: the smallest free one that holds it, else a new segment.
    Handle allocate(Bytes size);
    /// Gives a block back; it joins its free neighbours.
    void release(Handle handle);
    /// Returns wholly free segments to the driver, as torch.cuda.empty_cache does.
    void trim();

    [[nodiscard]] Bytes allocated() const { return Bytes{allocated_}; }
    [[nodiscard]] Bytes reserved() const { return Bytes{reserved_}; }
    [[nodiscard]] Bytes peak_allocated() const { return Bytes{peak_allocated_}; }
    [[nodiscard]] Bytes peak_reserved() const { return Bytes{peak_reserved_}; }
    void reset_peaks();

private:
    enum class Pool : std::uint8_t { small, large };
    static constexpr std::int32_t kNone = -1;
    struct Block {
        std::int64_t size = 0;
        std::int32_t before = kNone;
        std::int32_t after = kNone;
        Pool pool = Pool::small;
        bool free = false;
    };
    using FreeKey = std::pair<std::int64_t, std::int32_t>;  ///< size, then age

    std::set<FreeKey>& free_list(Pool pool) { return free_[static_cast<std::size_t>(pool)]; }
    Block& block(std::int32_t at) { return blocks_[static_cast<std::size_t>(at)]; }
    std::int32_t new_block(Block block);
    std::int32_t new_segment(std::int64_t size, Pool pool);
    std::int32_t grow_expandable(std::int64_t size, Pool pool);
    void split(std::int32_t at, std::int64_t size);
    std::int32_t join(std::int32_t left, std::int32_t right);
    [[nodiscard]] bool leaves_rest(std::int64_t rest, Pool pool) const;
    [[nodiscard]] std::int64_t rounded(std::int64_t size) const;
    [[nodiscard]] std::int64_t segment_size(std::int64_t size, Pool pool) const;
    void reserve(std::int64_t bytes);

    AllocatorRules rules_;
    std::vector<Block> blocks_{};
    std::vector<std::int32_t> unused_{};
    std::array<std::set<FreeKey>, 2> free_{};
    std::array<std::int32_t, 2> tail_{kNone, kNone};  ///< last block of an expandable segment
    std::int64_t allocated_ = 0;
    std::int64_t reserved_ = 0;
    std::int64_t peak_allocated_ = 0;
    std::int64_t peak_reserved_ = 0;
};

}  // namespace headroom
