#pragma once

// A team of threads takes a row at a time: a warp where rows are short (the heads of q and k), a
// block where they are long. Blocks have several warp teams, or are one team.

#include <type_traits>

#include "kernels/device/mma.cuh"
#include "kernels/device/reduce.cuh"
#include "kernels/device/rows.cuh"
#include "kernels/device/vec.cuh"

namespace headroom::device {

enum class Team { warp, block };

inline constexpr int kTeamThreads = 512;       ///< of a block, at most
inline constexpr int kTeamBlocks = 2;          ///< of so many threads on a multiprocessor
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
};

/// Sums over a team's threads, `kValues` at a time.
template <Team team, int kValues>
class TeamSums {
public:
    /// Every thread gets the results; the team must call together.
    __device__ __forceinline__ void add_up(float (&value)[kValues]) {
        if constexpr (team == Team::warp) {
#pragma unroll
            for (float& x : value) x = warp_sum(x);
        } else {
            block_.reduce(value);
        }
    }

private:
    BlockSums<kValues> block_{};
};

/// The columns of a row that a thread takes.
struct Turn {
    int first;
    int step;
    int end;
};

/// visit(pack, column) of a thread's columns, N at a time: kPacks times at most, which are written
/// out, or, where kPacks is 0, any number of times.
template <int kPacks, class Visit>
__device__ __forceinline__ void each_pack(const Turn& turn, const Visit& visit) {
    if constexpr (kPacks == 0) {
        for (int c = turn.first; c < turn.end; c += turn.step) visit(0, c);
    } else {
#pragma unroll
        for (int i = 0; i < kPacks; ++i) {
            const int c = turn.first + i * turn.step;
            if (c < turn.end) visit(i, c);
        }
    }
}

/// What a thread keeps of a row between two passes: kPacks loads in registers, as they are stored,
/// or nothing where it reads them again.
template <class T, int N, int kPacks>
class KeptRow {
public:
    __device__ __forceinline__ explicit KeptRow(const T* row) : row_(row) {}
    __device__ __forceinline__ void keep(int pack, const Vec<T, N>& value) {
        if constexpr (kPacks > 0) value_[pack] = value;
    }
    [[nodiscard]] __device__ __forceinline__ Floats<N> at(int pack, int column) const {
        if constexpr (kPacks > 0) {
            return floats_of(value_[pack]);
        } else {
            return load<N>(row_ + column);
        }
    }

private:
    const T* row_;
    Vec<T, N> value_[kPacks > 0 ? kPacks : 1];
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

/// The rows that a team takes next, on their way to shared memory while it works on others: a
/// multiprocessor needs some 40 KiB under way to use the memory's whole bandwidth, more than
/// threads have registers for. A thread copies the columns that it reads itself and waits for
/// nobody.
template <int N, class T>
class Ahead {
public:
    /// One or two `slots` of rows of so many operands, at `rows`.
    __device__ __forceinline__ Ahead(T* rows, int slots, int operands, const Turn& turn)
        : rows_(rows), slots_(slots), operands_(operands), turn_(turn) {}

    /// Of the row that the team is at.
    [[nodiscard]] __device__ __forceinline__ T* operand(int i) const {
        return rows_ + (slot_ * operands_ + i) * turn_.end;
    }
    __device__ __forceinline__ void copy(int i, const T* from) {
        static_assert(N == kWide<T>);
        T* const to = operand(i);
#pragma unroll 1  // they wait for nothing
        for (int c = turn_.first; c < turn_.end; c += turn_.step) {
            copies_.copy16(SharedAddress(to + c), from + c, true);
        }
    }
    /// Ends the copies of a row, which may be none.
    __device__ __forceinline__ void next() {
        copies_.commit();
        slot_ = slot_ + 1 == slots_ ? 0 : slot_ + 1;
    }
    /// Until the row that the team is at has come.
    __device__ __forceinline__ void wait() {
        if (slots_ == 2) {
            copies_.template wait<1>();
        } else {
            copies_.template wait<0>();
        }
    }

private:
    T* rows_;
    int slots_;
    int operands_;
    int slot_ = 0;
    Turn turn_;
    AsyncCopies copies_{};
};

/// How a kernel's blocks look, and how many of them stay on the device.
struct TeamShape {
    Extent3 block{};
    std::int64_t teams = 1;  ///< of a block
    int slots = 0;           ///< rows that a team reads ahead; 0: it reads from where they lie
    std::size_t shared_bytes = 0;
    std::int64_t resident = 1;  ///< blocks of a multiprocessor
    [[nodiscard]] unsigned grid(std::int64_t rows) const {
        const std::int64_t most = resident * processors();
        return static_cast<unsigned>(std::clamp<std::int64_t>(divide_up(rows, teams), 1, most));
    }
};

/// What a team's shared memory holds.
struct TeamMemory {
    std::size_t kept = 0;  ///< bytes
    std::size_t row = 0;   ///< bytes of a row of all operands that it may read ahead; 0: none
};

/// As many slots as leave a multiprocessor the threads that hide each other's waiting.
inline void take_slots(TeamShape& shape, const TeamMemory& memory) {
    constexpr std::size_t kReserved = 1024;  // of every block, for the system
    constexpr std::size_t kStatic = 768;     // of block sums, at most
    const auto threads = std::int64_t{shape.block.x};
    const auto teams = static_cast<std::size_t>(shape.teams);
    const auto fits = [&](int slots, std::int64_t enough) {
        shape.slots = slots;
        shape.shared_bytes = teams * (memory.kept + static_cast<std::size_t>(slots) * memory.row);
        const std::size_t room = shared_bytes_limit() + kReserved;
        const std::size_t held = room / (shape.shared_bytes + kStatic + kReserved);
        shape.resident =
            std::min(kTeamThreads * kTeamBlocks / threads, static_cast<std::int64_t>(held));
        return shape.resident * threads >= enough;
    };
    if (memory.row > 0 && (fits(2, 768) || fits(1, 768) || fits(2, 512) || fits(1, 1))) return;
    if (!fits(0, 1)) shape.resident = 1;
}

/// Of rows of `packs` loads, of which a thread of a block takes `each`.
inline TeamShape team_shape(Team team, std::int64_t packs, std::int64_t each,
                            const TeamMemory& memory) {
    constexpr unsigned kWarps = 8;  // of a block, a row each
    TeamShape shape{.block = {kWarps * simt::kWarp}, .teams = kWarps};
    if (team == Team::block) {
        const std::int64_t threads = divide_up(packs, each * simt::kWarp) * simt::kWarp;
        shape = {.block = {static_cast<unsigned>(std::min<std::int64_t>(threads, kTeamThreads))}};
    }
    take_slots(shape, memory);
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
