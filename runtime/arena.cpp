#include "runtime/arena.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "planner/base/error.h"

namespace headroom {
namespace {

constexpr std::int64_t kGuard = 512;  // keeps the boundary that storages start on
constexpr std::uint8_t kGuardByte = 0xA5;
constexpr std::uint8_t kPoisonByte = 0xFF;

/// Rounded up by the arena's own arithmetic: what it takes from the device.
std::int64_t size_of(const Tensor& tensor) {
    const std::int64_t bits_in_all = numel(tensor.shape) * bits(tensor.dtype);
    return (bits_in_all + 512 * 8 - 1) / (512 * 8) * 512;
}

std::size_t index(Place place) { return static_cast<std::size_t>(place); }

}  // namespace

Arena::Arena(const StepGraph& graph, Backend& backend, MemoryPolicy policy, Poison poison)
    : graph_(graph),
      backend_(backend),
      policy_(policy),
      poison_(poison),
      base_(graph.tensors.size(), nullptr) {
    if (policy != MemoryPolicy::planned) return;
    const auto lives = lifetimes(graph);
    for (const auto place : {Place::device, Place::host, Place::nvme}) {
        plan_[index(place)] = memory_plan(graph, lives, place);
        const Bytes size = plan_[index(place)].arena;
        if (size == Bytes{}) continue;
        block_[index(place)] = backend.allocate(size, place);
        size_[index(place)] = size;
    }
}

Arena::~Arena() {
    for (std::size_t i = 0; i < base_.size(); ++i) {
        if (policy_ == MemoryPolicy::per_tensor && base_[i] != nullptr) {
            backend_.release(base_[i] - kGuard, graph_.tensors[i].place);
        }
    }
    for (std::size_t place = 0; place < kPlaces; ++place) {
        if (block_[place] != nullptr) backend_.release(block_[place], static_cast<Place>(place));
    }
}

void Arena::birth(TensorId storage, std::int32_t op) {
    const Tensor& tensor = graph_[storage];
    std::byte*& base = base_[static_cast<std::size_t>(storage.index)];
    base =
        policy_ == MemoryPolicy::planned ? place_planned(storage, tensor, op) : place_alone(tensor);
    if (poison_ == Poison::on) {
        backend_.fill(base, Bytes{size_of(tensor)}, kPoisonByte, tensor.place);
    }
    count(tensor, 1, op);
}

std::byte* Arena::place_planned(TensorId storage, const Tensor& tensor, std::int32_t op) {
    const std::size_t place = index(tensor.place);
    const std::int64_t begin = plan_[place].offset[static_cast<std::size_t>(storage.index)].count();
    const std::int64_t end = begin + size_of(tensor);
    if (begin < 0 || end > size_[place].count()) {
        throw InternalError(fmt::format("{} has no planned place", to_string(tensor.label)));
    }
    auto& living = living_[place];
    const auto next = living.lower_bound(begin);
    const auto clash = [&](TensorId other) {
        throw InternalError(fmt::format("op {}: {} is planned over {}, which is still read", op,
                                        to_string(tensor.label), to_string(graph_[other].label)));
    };
    if (next != living.end() && next->first < end) clash(next->second);
    if (next != living.begin()) {
        const auto& [offset, other] = *std::prev(next);
        if (offset + size_of(graph_[other]) > begin) clash(other);
    }
    if (end > begin) living.emplace(begin, storage);
    high_[place].top = std::max(high_[place].top, Bytes{end});
    return block_[place] + begin;
}

std::byte* Arena::place_alone(const Tensor& tensor) {
    const std::int64_t size = size_of(tensor);
    std::byte* block = backend_.allocate(Bytes{size + 2 * kGuard}, tensor.place);
    backend_.fill(block, Bytes{kGuard}, kGuardByte, tensor.place);
    backend_.fill(block + kGuard + size, Bytes{kGuard}, kGuardByte, tensor.place);
    return block + kGuard;
}

void Arena::death(TensorId storage) {
    const Tensor& tensor = graph_[storage];
    std::byte*& base = base_[static_cast<std::size_t>(storage.index)];
    if (policy_ == MemoryPolicy::planned) {
        const std::size_t place = index(tensor.place);
        const auto at = plan_[place].offset[static_cast<std::size_t>(storage.index)].count();
        if (size_of(tensor) > 0) living_[place].erase(at);
    } else {
        check_guards(storage);
        backend_.release(base - kGuard, tensor.place);
    }
    base = nullptr;
    count(tensor, -1, -1);
}

void Arena::check_guards(TensorId storage) const {
    const Tensor& tensor = graph_[storage];
    const std::byte* base = base_[static_cast<std::size_t>(storage.index)];
    std::array<std::byte, kGuard> guard{};
    for (const std::byte* at : {base - kGuard, base + size_of(tensor)}) {
        backend_.read(guard, at, tensor.place);
        if (std::ranges::all_of(guard, [](auto b) { return b == std::byte{kGuardByte}; })) continue;
        throw InternalError(fmt::format("an op wrote {} the bytes of {}",
                                        at < base ? "before" : "behind", to_string(tensor.label)));
    }
}

void Arena::count(const Tensor& tensor, std::int64_t sign, std::int32_t op) {
    const std::size_t place = index(tensor.place);
    const Bytes change{sign * size_of(tensor)};
    live_[place][static_cast<std::size_t>(tensor.role)] += change;
    total_[place] += change;
    if (total_[place] <= high_[place].total) return;
    high_[place].total = total_[place];
    high_[place].by_role = live_[place];
    high_[place].op = op;
}

}  // namespace headroom
