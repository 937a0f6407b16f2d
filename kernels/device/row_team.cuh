#pragma once

// A team of threads takes a row at a time: a warp where rows are short (the heads of q and k), a
// block where they are long. Blocks have several warp teams, or are one team.

#include <type_traits>

#include "kernels/device/reduce.cuh"
#include "kernels/device/rows.cuh"

namespace headroom::device {

enum class Team { warp, block };

inline constexpr int kTeamThreads = 256;       ///< of a block, at most
inline constexpr std::int64_t kShortRow = 64;  ///< packs of a row that a warp takes on

/// A thread's place.
template <Team team>
struct Seat {
    int size;   ///< threads of the team
    int rank;   ///< in the team
    int index;  ///< of the team in its block
    int teams;  ///< of the block
    __device__ __forceinline__ Seat()
        : size(team == Team::warp ? simt::kWarp : thread_count()),
          rank(thread_rank() % size),
          index(thread_rank() / size),
          teams(thread_count() / size) {}

    [[nodiscard]] __device__ __forceinline__ std::int64_t first_row() const {
        return std::int64_t{blockIdx.x} * teams + index;
    }
    [[nodiscard]] __device__ __forceinline__ std::int64_t row_step() const {
        return std::int64_t{gridDim.x} * teams;
    }
    /// Of one value a thread; the team must call together.
    static __device__ __forceinline__ float sum(float value) {
        if constexpr (team == Team::warp) {
            return warp_sum(value);
        } else {
            return block_sum(value);
        }
    }
};

/// The columns of a row that a thread takes.
struct Turn {
    int first;
    int step;
    int end;
};

/// Rows that are runs of `width` columns of a matrix: `a_row` of them in each of its rows.
struct Groups {
    std::int64_t rows = 0;  ///< in all
    std::int64_t width = 0;
    std::int64_t a_row = 1;
    Divisor by_row{};  ///< divides by a_row
    template <class T>
    __device__ __forceinline__ T* of(const Rows<T>& matrix, std::int64_t row) const {
        return a_row == 1 ? matrix.at(row, 0)
                          : matrix.at(by_row.quotient(row), by_row.remainder(row) * width);
    }
};
/// `group` columns at a time; 0: whole rows.
inline Groups groups_of(const TensorView& x, std::int64_t group) {
    const std::int64_t width = group > 0 ? group : x.columns();
    const std::int64_t a_row = width == 0 ? 1 : x.columns() / width;
    return {x.rows() * a_row, width, a_row, Divisor(std::max<std::int64_t>(a_row, 1))};
}

/// Threads, rows at a time and shared memory of a block.
struct TeamShape {
    Extent3 block{};
    std::int64_t teams = 1;
    std::size_t shared_bytes = 0;
    bool cached = true;
};

/// A row of `packs` loads needs `kept` bytes of shared memory; `cache` more are worth having.
inline TeamShape team_shape(Team team, std::int64_t packs, std::size_t kept, std::size_t cache) {
    const std::int64_t threads = divide_up(packs, simt::kWarp) * simt::kWarp;
    TeamShape shape{
        .block = {static_cast<unsigned>(std::min<std::int64_t>(threads, kTeamThreads))}};
    if (team == Team::warp) shape = {.block = {kTeamThreads}, .teams = kTeamThreads / simt::kWarp};
    const auto teams = static_cast<std::size_t>(shape.teams);
    shape.cached = teams * (kept + cache) <= shared_bytes_limit();
    shape.shared_bytes = teams * (kept + (shape.cached ? cache : 0));
    return shape;
}

/// Calls visit with the Team that rows of `packs` loads go to, as a constant.
template <class Visit>
void with_team(std::int64_t packs, const Visit& visit) {
    if (packs <= kShortRow) {
        visit(std::integral_constant<Team, Team::warp>{});
    } else {
        visit(std::integral_constant<Team, Team::block>{});
    }
}

}  // namespace headroom::device
