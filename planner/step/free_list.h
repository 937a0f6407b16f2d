#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>

namespace headroom {

/// The free blocks of a heap that grows at its end: best fit, neighbours merged.
class FreeList {
public:
    /// Offset of a new block of `size` bytes.
    std::int64_t take(std::int64_t size);
    void release(std::int64_t offset, std::int64_t size);
    /// Bytes up to the end of the highest block there ever was.
    [[nodiscard]] std::int64_t height() const { return height_; }

private:
    void insert(std::int64_t offset, std::int64_t size);
    void erase(std::map<std::int64_t, std::int64_t>::iterator block);

    std::map<std::int64_t, std::int64_t> by_offset_{};           ///< offset, size
    std::set<std::pair<std::int64_t, std::int64_t>> by_size_{};  ///< size, offset
    std::int64_t height_ = 0;
};

}  // namespace headroom
