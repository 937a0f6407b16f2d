#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

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
    struct Block {
        std::int64_t offset = 0;
        std::int64_t size = 0;
    };
    /// The smallest block that is large enough, the lowest of several; none: the number of blocks.
    [[nodiscard]] std::size_t best_fit(std::int64_t size) const;

    std::vector<Block> free_{};  ///< by offset; few: they are looked through
    std::int64_t height_ = 0;
};

}  // namespace headroom
