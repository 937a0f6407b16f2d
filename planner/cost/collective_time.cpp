#include "planner/cost/collective_time.h"

#include <algorithm>
#include <bit>

namespace headroom {
namespace {

/// The slowest level and its time.
struct Pace {
    Seconds time{};
    Wire wire = Wire::nvlink;
};

template <class Load>
Pace slowest(const Span& span, Load bytes_per_rank) {
    Pace pace{};
    for (std::size_t wire = 0; wire < kWires; ++wire) {
        const LinkLevel& level = span.levels[wire];
        if (level.fan <= 1) continue;
        const Seconds time{bytes_per_rank(level) / level.rate.count()};
        if (time >= pace.time) pace = {time, static_cast<Wire>(wire)};
    }
    return pace;
}

template <class Hops>
Seconds latency(const Span& span, Hops hops) {
    Seconds sum{};
    for (const auto& level : span.levels) sum += level.latency * static_cast<double>(hops(level));
    return sum;
}

std::int64_t peers(const LinkLevel& level) { return level.fan - 1; }

/// Steps of a binary tree over the blocks of a level.
std::int64_t depth(const LinkLevel& level) {
    return static_cast<std::int64_t>(std::bit_width(static_cast<std::uint64_t>(level.fan - 1)));
}

/// Hops of one ring round: a ring inside each of the blocks of the outer levels, one after another.
std::int64_t ring_hops(const Span& span, const LinkLevel& level) {
    return (level.fan - 1) * ceil_div(span.size, level.inner * level.fan);
}

CollectiveTime sum(Pace pace, Seconds hops) {
    return {pace.time + hops, pace.wire, hops > pace.time};
}

/// Every block must get what its siblings hold, through the links of its `inner` members.
CollectiveTime ring(const Span& span, Bytes whole, double rounds) {
    const Pace pace = slowest(span, [&](const LinkLevel& level) {
        const auto fan = static_cast<double>(level.fan);
        return rounds * whole.real() * (fan - 1.0) / fan / static_cast<double>(level.inner);
    });
    const Seconds hops = latency(span, [&](const LinkLevel& l) { return ring_hops(span, l); });
    return sum(pace, hops * rounds);
}

/// Double binary tree (NCCL 2.4): everything goes up once and down once.
CollectiveTime tree(const Span& span, Bytes whole) {
    const Pace pace = slowest(span, [&](const LinkLevel& level) {
        return 2.0 * whole.real() / static_cast<double>(level.inner);
    });
    return sum(pace, latency(span, depth) * 2.0);
}

CollectiveTime all_reduce(const Span& span, Bytes whole) {
    const CollectiveTime by_ring = ring(span, whole, 2.0);
    const CollectiveTime by_tree = tree(span, whole);
    return by_tree.time < by_ring.time ? by_tree : by_ring;
}

/// Each rank sends 1/n of its bytes to every other; peers behind one wire share the rank's link.
CollectiveTime all_to_all(const Span& span, Bytes whole) {
    const double each = whole.real() / static_cast<double>(span.size);
    const Pace pace = slowest(span, [&](const LinkLevel& level) {
        return each * static_cast<double>(level.inner * (level.fan - 1));
    });
    return sum(pace, latency(span, peers));
}

/// Neighbours of a pipeline: the pace is set by the pair that is furthest apart.
CollectiveTime send(const Span& span, Bytes whole) {
    const Wire wire = span.outermost();
    const LinkLevel& level = span.levels[static_cast<std::size_t>(wire)];
    return sum({whole / level.rate, wire}, level.latency);
}

}  // namespace

CollectiveTime collective_time(const Span& span, CollectiveKind kind, Bytes whole) {
    if (span.size <= 1) return {};
    switch (kind) {
        case CollectiveKind::all_reduce:
            return all_reduce(span, whole);
        case CollectiveKind::all_gather:
        case CollectiveKind::reduce_scatter:
            return ring(span, whole, 1.0);
        case CollectiveKind::all_to_all:
            return all_to_all(span, whole);
        case CollectiveKind::send:
            return send(span, whole);
    }
    return {};
}

}  // namespace headroom
