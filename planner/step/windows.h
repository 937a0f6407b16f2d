#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace headroom {

/// A placed interval, or several that live through a whole window and lie side by side.
struct Block {
    std::int64_t bottom = 0;
    std::int64_t top = 0;
    std::int32_t first = 0;
    std::int32_t last = 0;
};

/// What is placed in a stretch of ops, by offset. Blocks are sorted when they are asked for: most
/// windows are asked for long after the first blocks came, or never.
class Window {
public:
    Window(std::int32_t first, std::int32_t last) : first_(first), last_(last) {}

    void add(const Block& block) {
        blocks_.push_back(block);
        ++count_;
    }
    /// Intervals that were added.
    [[nodiscard]] std::int64_t count() const { return count_; }
    /// What they cover, by offset.
    [[nodiscard]] const std::vector<Block>& blocks();

private:
    [[nodiscard]] bool spans(const Block& block) const {
        return block.first <= first_ && block.last >= last_;
    }
    /// Nothing of the window's time fits between two such blocks, nor lies beside them.
    [[nodiscard]] bool joins(const Block& below, const Block& above) const {
        return below.top == above.bottom && spans(below) && spans(above);
    }
    void insert_next();
    void sort_all();

    std::int32_t first_;
    std::int32_t last_;
    std::vector<Block> blocks_{};
    std::size_t sorted_ = 0;
    std::int64_t count_ = 0;
};

/// All that is placed, and rows of overlapping windows, so that a short interval meets few others.
class Windows {
public:
    explicit Windows(std::size_t ops);

    /// The smallest window in which the ops from `first` to `last` lie.
    [[nodiscard]] Window& around(std::int32_t first, std::int32_t last);
    void add(const Block& block);

private:
    static constexpr std::array<std::size_t, 2> kSteps{32, 512};  ///< ops; windows are two long

    std::array<std::vector<Window>, kSteps.size()> rows_{};
    Window all_;
};

}  // namespace headroom
