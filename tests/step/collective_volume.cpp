#include "planner/step/op/collective.h"
#include "planner/step/step_graph.h"
#include "tests/support/catch.h"

namespace headroom {
namespace {

struct Row {
    CollectiveKind kind{};
    std::int64_t size = 1;
    std::int64_t input = 0;
    std::int64_t output = 0;
    std::int64_t sent = 0;
};

// The ring algorithm: https://arxiv.org/abs/1802.05799, with n ranks and S bytes of the whole,
// 2 (n-1)/n S for all_reduce and (n-1)/n S for its two halves.
const Row kRows[]{
    {CollectiveKind::all_reduce, 1, 800, 800, 0},
    {CollectiveKind::all_reduce, 2, 800, 800, 800},
    {CollectiveKind::all_reduce, 8, 800, 800, 1400},
    {CollectiveKind::all_gather, 8, 100, 800, 700},
    {CollectiveKind::reduce_scatter, 8, 800, 100, 700},
    {CollectiveKind::all_to_all, 8, 800, 800, 700},
    {CollectiveKind::all_to_all, 4, 1000, 1000, 750},
    {CollectiveKind::send, 2, 800, 0, 800},
};

TEST_CASE("ARankSendsWhatTheRingAlgorithmSays") {
    for (const auto& row : kRows) {
        INFO(kCollectiveNames[static_cast<std::size_t>(row.kind)] << " over " << row.size);
        const Collective op{.kind = row.kind, .size = row.size};
        CHECK(volume(op, Bytes{row.input}, Bytes{row.output}) == Bytes{row.sent});
    }
}

TEST_CASE("AnAllReduceSendsAsMuchAsItsTwoHalves") {
    for (const std::int64_t size : {2, 4, 64}) {
        const Bytes whole{64 * 1000};
        const Bytes part = whole / size;
        const auto sent = [&](CollectiveKind kind, Bytes in, Bytes out) {
            return volume({.kind = kind, .size = size}, in, out);
        };
        CHECK(sent(CollectiveKind::all_reduce, whole, whole) ==
              sent(CollectiveKind::reduce_scatter, whole, part) +
                  sent(CollectiveKind::all_gather, part, whole));
    }
}

TEST_CASE("VolumesOfTebibytesDoNotOverflow") {
    const Bytes whole{std::int64_t{1} << 55};
    const Collective op{.size = 1024};
    CHECK(volume(op, whole, whole) == Bytes{(std::int64_t{1} << 55) / 512 * 1023});
}

}  // namespace
}  // namespace headroom
