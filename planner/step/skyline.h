#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace headroom {

/// The height of what is stacked at every op: a segment tree of range maximum and range assignment.
class Skyline {
public:
    explicit Skyline(std::size_t ops);

    /// Puts a box over ops first ... last on top of what is there; where its bottom lies.
    std::int64_t put(std::int32_t first, std::int32_t last, std::int64_t height);

private:
    [[nodiscard]] std::int64_t highest(std::size_t first, std::size_t last) const;
    void raise(std::size_t first, std::size_t last, std::int64_t to);

    std::size_t leaves_ = 1;
    std::vector<std::int64_t> below_{};    ///< by node: highest point in its range
    std::vector<std::int64_t> covered_{};  ///< by node: its whole range is at least this high
};

}  // namespace headroom
