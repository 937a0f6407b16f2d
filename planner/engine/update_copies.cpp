#include "planner/engine/update_copies.h"

#include <algorithm>

#include "planner/engine/flat_buffers.h"

namespace headroom {
namespace {

/// DeepSpeed's default bucket, in bytes of 16-bit values.
constexpr std::int64_t kBucket = 2 * 500'000'000;

/// Bytes of gradients that fill a bucket alone: flattening one tensor is a view, no copy.
std::int64_t alone_in_a_bucket(const Lowering& lowering) {
    std::int64_t sum = 0;
    for (const auto& unit : lowering.units) {
        for (const auto id : unit.parameters) {
            const std::int64_t size = 2 * numel(lowering.graph[id].shape);
            if (unit.trainable && size >= kBucket) sum += size;
        }
    }
    return sum;
}

std::int64_t largest_gradient(const Lowering& lowering) {
    std::int64_t most = 0;
    for (const auto& unit : lowering.units) {
        for (const auto id : unit.parameters) {
            if (unit.trainable) most = std::max(most, numel(lowering.graph[id].shape));
        }
    }
    return most;
}

}  // namespace

std::vector<Bytes> in_pieces(Bytes size, std::size_t pieces) {
    const auto count = static_cast<std::int64_t>(std::max<std::size_t>(pieces, 1));
    return std::vector<Bytes>(static_cast<std::size_t>(count), Bytes{size.count() / count});
}

std::vector<Bytes> reduced_copies(const Lowering& lowering, const StateMemory& states) {
    const std::int64_t all = states.flat.count();
    const bool one_block = sums_apart(states);
    const std::int64_t each = one_block ? all : kBucket;
    std::vector<Bytes> buckets;
    const std::int64_t copied = one_block ? all : all - alone_in_a_bucket(lowering);
    for (std::int64_t left = copied; left > 0; left -= each) {
        buckets.push_back(Bytes{std::min(left, each)});
    }
    return buckets;
}

std::vector<std::vector<Bytes>> update_groups(const Lowering& lowering, const StateMemory& states) {
    if (states.flat == Bytes{}) return {in_pieces(states.update, lowering.units.size())};
    const auto shards =
        static_cast<std::size_t>(std::max<std::int64_t>(states.flat.count() / kBucket, 1));
    const std::vector<Bytes> gathered = in_pieces(states.flat, shards);
    if (states.update == Bytes{}) return {gathered};
    const Bytes flat{states.update.count() / 2};  // 16-bit, beside fp32 copies
    const Bytes norm{std::min(8 * largest_gradient(lowering), 2 * states.update.count())};
    return {{norm}, {flat, states.update}, gathered};
}

}  // namespace headroom
