#include <cmath>
#include <vector>

#include "tests/kernels/told.h"
#include "tests/support/catch.h"

namespace headroom::test {
namespace {

using Numbers = std::vector<double>;

/// What `op` makes of `in`, in a tensor of that shape that held nines.
template <class T = float>
Numbers ran(const Collective& op, Held<T> in, Shape shape, bool first_micro_step = true) {
    Held<T> out(shape, 9.0);
    tell(op, {in.view()}, {out.view()}, {.first_micro_step = first_micro_step});
    return out.numbers();
}

Numbers received(const Told& told, std::int64_t rows, std::int64_t columns) {
    Held<float> x({rows, columns}, 0.0);
    tell(Receive{.rows = rows, .columns = columns, .dtype = DType::f32}, {}, {x.view()}, told);
    return x.numbers();
}

}  // namespace

TEST_CASE("AllReduceOfOneRankKeepsItsValue") {
    Held<float> x({2, 2}, Numbers{1, 2, 3, 4}, 1);
    tell(Collective{.kind = CollectiveKind::all_reduce, .size = 4}, {x.view()}, {x.view()});
    CHECK(x.numbers() == Numbers{1, 2, 3, 4});
}

TEST_CASE("AllGatherRepeatsTheOwnShard") {
    const Collective op{.kind = CollectiveKind::all_gather, .size = 3};
    CHECK(ran(op, Held<BFloat16>({2}, Numbers{1, 2}), {6}) == Numbers{1, 2, 1, 2, 1, 2});
    CHECK(ran(op, Held<float>({2, 2}, Numbers{1, 2, 3, 4}, 1), {6, 2}) ==
          Numbers{1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4});
    // The whole is not a multiple of the shard.
    CHECK(ran(op, Held<float>({3}, Numbers{1, 2, 3}), {7}) == Numbers{1, 2, 3, 1, 2, 3, 1});
    // Gathered where the shard lies: what the other ranks sent is still there.
    Held<float> whole({4}, Numbers{1, 2, 3, 4});
    TensorView shard = whole.view();
    shard.shape = {2};
    shard.stride = 2;
    tell(op, {shard}, {whole.view()});
    CHECK(whole.numbers() == Numbers{1, 2, 3, 4});
}

TEST_CASE("ReduceScatterKeepsTheFirstPart") {
    const Held<float> in({5}, Numbers{1, 2, 3, 4, 5});
    Collective op{.kind = CollectiveKind::reduce_scatter, .size = 2};
    CHECK(ran(op, in, {3}) == Numbers{1, 2, 3});
    CHECK(ran(op, Held<float>({2, 2}, Numbers{1, 2, 3, 4}), {1, 2}) == Numbers{1, 2});
    // A part that padding made longer than what there is.
    CHECK(ran(op, Held<float>({2}, Numbers{1, 2}), {3}) == Numbers{1, 2, 0});
    op.accumulation = Accumulation::add_after_first;
    CHECK(ran(op, in, {3}, true) == Numbers{1, 2, 3});
    CHECK(ran(op, in, {3}, false) == Numbers{10, 11, 12});
    CHECK(ran(op, Held<BFloat16>({2}, Numbers{1, 2}), {2}, false) == Numbers{10, 11});
}

TEST_CASE("AllToAllOfOneRankRepeatsOrCutsWhatItHas") {
    const Held<float> rows({2, 2}, Numbers{1, 2, 3, 4});
    Collective op{.kind = CollectiveKind::all_to_all, .size = 2};
    CHECK(ran(op, rows, {2, 2}) == Numbers{1, 2, 3, 4});
    op.rows = 3;
    CHECK(ran(op, rows, {3, 2}) == Numbers{1, 2, 3, 4, 1, 2});
    CHECK(ran(op, Held<float>({2}, Numbers{5, 6}), {3}) == Numbers{5, 6, 5});
    op.rows = 1;
    CHECK(ran(op, rows, {1, 2}) == Numbers{1, 2});
    // Tokens of all ranks for this rank's heads, and back.
    op = {.kind = CollectiveKind::all_to_all, .size = 2, .columns = 1};
    CHECK(ran(op, rows, {4, 1}) == Numbers{1, 3, 1, 3});
    op.columns = 4;
    CHECK(ran(op, rows, {1, 4}) == Numbers{1, 2, 1, 2});
}

TEST_CASE("SendWaitAndCopyToGroupTouchNothing") {
    Held<float> x({2}, Numbers{1, 2});
    tell(Collective{.kind = CollectiveKind::send}, {x.view()}, {});
    tell(Wait{}, {x.view()}, {});
    tell(CopyToGroup{}, {x.view()}, {x.view()});
    CHECK(x.numbers() == Numbers{1, 2});
}

TEST_CASE("ReceivedValuesAreNormalAndRepeatable") {
    const Told told{.scalars = {.seed = 1, .step = 2}};
    const auto x = received(told, 100, 120);
    double sum = 0.0;
    double squares = 0.0;
    for (const double value : x) {
        sum += value;
        squares += value * value;
    }
    const double count = 12'000.0;
    CHECK(std::abs(sum / count) < 4.0 / std::sqrt(count));
    CHECK(std::abs(squares / count - 1.0) < 4.0 * std::sqrt(2.0 / count));
    CHECK(received(told, 100, 120) == x);
    CHECK(received(told, 120, 100) == x);
    CHECK(received({.scalars = {.seed = 2, .step = 2}}, 100, 120) != x);
    CHECK(received({.scalars = {.seed = 1, .step = 3}}, 100, 120) != x);
    CHECK(received({.scalars = told.scalars, .layer = 4}, 100, 120) != x);
}

TEST_CASE("TransfersCopyOrAdd") {
    Held<float> from({2, 3}, Numbers{1, 2, 3, 4, 5, 6});
    Held<float> to({2, 3}, 9.0);
    tell(Transfer{}, {from.view()}, {to.view()});
    CHECK(to.numbers() == Numbers{1, 2, 3, 4, 5, 6});
    const Transfer sum{.accumulation = Accumulation::add_after_first};
    tell(sum, {from.view()}, {to.view()}, {.first_micro_step = false});
    CHECK(to.numbers() == Numbers{2, 4, 6, 8, 10, 12});
    tell(sum, {from.view()}, {to.view()}, {.first_micro_step = true});
    CHECK(to.numbers() == Numbers{1, 2, 3, 4, 5, 6});
    Held<float> spread({2, 3}, 9.0, 2);
    tell(Transfer{}, {from.view()}, {spread.view()});
    tell(Transfer{.accumulation = Accumulation::add}, {spread.view()}, {to.view()});
    CHECK(to.numbers() == Numbers{2, 4, 6, 8, 10, 12});
    Held<BFloat16> shorts({3}, Numbers{1, 2, 3});
    Held<BFloat16> sums({3}, 0.5);
    tell(Transfer{.accumulation = Accumulation::add}, {shorts.view()}, {sums.view()});
    CHECK(sums.numbers() == Numbers{1.5, 2.5, 3.5});
    Held<std::uint8_t> codes({3}, Numbers{1, 200, 3});
    Held<std::uint8_t> copied({3}, 0.0);
    tell(Transfer{}, {codes.view()}, {copied.view()});
    CHECK(copied.numbers() == Numbers{1, 200, 3});
}

TEST_CASE("LargeCopiesArriveWhole") {
    Numbers many;
    for (int i = 0; i < 700'000; ++i) many.push_back(i % 1000);
    Held<float> from({700'000}, many);
    Held<float> to({700'000}, 0.0);
    tell(Transfer{}, {from.view()}, {to.view()});
    CHECK(to.numbers() == many);
}

}  // namespace headroom::test
