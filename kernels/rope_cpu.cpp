#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>

#include "kernels/cpu/dispatch.h"
#include "kernels/cpu/elements.h"
#include "kernels/cpu/runs.h"
#include "kernels/cpu/slices.h"
#include "kernels/cpu_table.h"
#include "kernels/rope_angles.h"

namespace headroom {
namespace {

/// Vector FLOPs of an element: two products and a sum.
constexpr std::int64_t kElementFlops = 3;
/// Pairs whose angles are computed at a time.
constexpr std::int64_t kPairs = 64;

/// Cosine and sine of some pairs' angles at one position, times the attention factor.
template <class R>
struct Turn {
    std::int64_t first = 0;  ///< pair
    std::int64_t count = 0;
    R cosine[kPairs] = {};
    R sine[kPairs] = {};
};

/// Turns back when `inverse`: the transposed rotation, with the same factor.
template <class R>
void set_angles(const Rope& op, const double* frequency, std::int64_t position, Turn<R>& turn) {
    const double factor = rope_attention(op);
    const double direction = op.inverse ? -factor : factor;
    for (std::int64_t i = 0; i < turn.count; ++i) {
        const double angle = static_cast<double>(position) * frequency[turn.first + i];
        turn.cosine[i] = static_cast<R>(factor * std::cos(angle));
        turn.sine[i] = static_cast<R>(direction * std::sin(angle));
    }
}

/// Turns the pairs of every head of one row.
template <class T, class R>
void turn_row(const Rope& op, const Turn<R>& turn, std::int64_t heads, const T* from, T* to) {
    for (std::int64_t h = 0; h < heads; ++h) {
        for (std::int64_t i = 0; i < turn.count; ++i) {
            const RopePair pair = rope_pair(op, turn.first + i);
            const std::int64_t a = h * op.head_dim + pair.first;
            const std::int64_t b = h * op.head_dim + pair.second;
            const R x = load(from[a]);
            const R y = load(from[b]);
            to[a] = store<T>(x * turn.cosine[i] - y * turn.sine[i]);
            to[b] = store<T>(y * turn.cosine[i] + x * turn.sine[i]);
        }
    }
}

/// All rows at one position: the angles are computed once for the sequences of a batch.
template <class T>
void turn_position(const Rope& op, const Launch& launch, const double* frequency,
                   std::int64_t position) {
    Turn<Compute<T>> turn;
    const std::int64_t pairs = op.rotary / 2;
    for (turn.first = 0; turn.first < pairs; turn.first += kPairs) {
        turn.count = std::min(kPairs, pairs - turn.first);
        set_angles(op, frequency, position, turn);
        for (std::size_t k = 0; k < launch.in.size(); ++k) {
            const TensorView& from = launch.in[k];
            const std::int64_t heads = from.columns() / op.head_dim;
            for (std::int64_t n = position; n < from.rows(); n += op.sequence) {
                turn_row(op, turn, heads, row<T>(from, n), row<T>(launch.out[k], n));
            }
        }
    }
}

/// (q (N, heads * head_dim) [, k]) -> the same bytes, turned. Row n is at position n % sequence.
void rope_cpu(const Rope& op, const Launch& launch) {
    double* frequency = Slices(launch).take<double>(op.rotary / 2);
    for (std::int64_t i = 0; i < op.rotary / 2; ++i) frequency[i] = rope_frequency(op, i);
    with_float(launch.in[0].dtype, [&](auto zero) {
#pragma omp parallel for schedule(static) if (launch.in[0].count() >= kParallelElements)
        for (std::int64_t position = 0; position < op.sequence; ++position) {
            turn_position<decltype(zero)>(op, launch, frequency, position);
        }
    });
    for (const auto& view : launch.in) {
        const std::int64_t heads = view.columns() / op.head_dim;
        count_vector(launch, kElementFlops * view.rows() * heads * op.rotary);
    }
}

std::string rope_refuses(const Op& op, const Launch&) {
    if (std::get<Rope>(op).scaling != RopeScalingKind::other) return {};
    return "the model's rule for scaling RoPE has no kernel (none, linear, llama3 and yarn have)";
}

}  // namespace

void add_rope_rows(KernelTable& table) { set_row<rope_cpu>(table, rope_refuses); }

}  // namespace headroom
