#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "planner/step/memory_plan.h"
#include "planner/step/step_graph.h"
#include "runtime/backend.h"

namespace headroom {

/// planned: one block a place, storages at the planner's offsets. per_tensor: one allocation a
/// storage between guard bytes, which are checked when it goes.
enum class MemoryPolicy { planned, per_tensor };
/// Whether bytes are filled with 0xFF (NaN in every floating dtype) when a storage is born.
enum class Poison { off, on };

/// Bytes alive by role, their sum, and the op during which that sum was largest.
struct HighWater {
    RoleBytes by_role{};
    Bytes total{};
    Bytes top{};  ///< planned: the highest end of any storage that was alive at any time
    std::int32_t op = -1;
};

/// Holds the bytes of a graph's storages. Who is alive is the executor's knowledge, never the
/// plan's: with planned offsets a storage that is born over a living one is an InternalError.
class Arena {
public:
    Arena(const StepGraph& graph, Backend& backend, MemoryPolicy policy, Poison poison);
    ~Arena();
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;

    /// Gives a storage bytes; `op` is what it is born for.
    void birth(TensorId storage, std::int32_t op);
    void death(TensorId storage);
    [[nodiscard]] bool alive(TensorId storage) const { return base(storage) != nullptr; }
    [[nodiscard]] std::byte* base(TensorId storage) const {
        return base_[static_cast<std::size_t>(storage.index)];
    }
    [[nodiscard]] const HighWater& high_water(Place place) const {
        return high_[static_cast<std::size_t>(place)];
    }
    /// Size of the block of a place; zero with one allocation a tensor.
    [[nodiscard]] Bytes block(Place place) const { return size_[static_cast<std::size_t>(place)]; }

private:
    static constexpr std::size_t kPlaces = 3;

    void count(const Tensor& tensor, std::int64_t sign, std::int32_t op);
    std::byte* place_planned(TensorId storage, const Tensor& tensor, std::int32_t op);
    std::byte* place_alone(const Tensor& tensor);
    void check_guards(TensorId storage) const;

    const StepGraph& graph_;
    Backend& backend_;
    MemoryPolicy policy_;
    Poison poison_;
    std::vector<std::byte*> base_;
    std::array<MemoryPlan, kPlaces> plan_{};
    std::array<std::byte*, kPlaces> block_{};
    std::array<Bytes, kPlaces> size_{};
    std::array<std::map<std::int64_t, TensorId>, kPlaces> living_{};  ///< planned: by offset
    std::array<RoleBytes, kPlaces> live_{};
    std::array<Bytes, kPlaces> total_{};
    std::array<HighWater, kPlaces> high_{};
};

}  // namespace headroom
