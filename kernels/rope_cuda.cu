#include <algorithm>
#include <array>

#include "kernels/cuda_table.h"
#include "kernels/device/refuse.h"
#include "kernels/device/rows.cuh"
#include "kernels/rope_angles.h"

// A block turns some rows at a time: it computes their angles once, in shared memory, and then
// turns the pairs of all heads of q and k with them.

namespace headroom {
namespace {

using namespace device;

constexpr int kThreads = 256;
constexpr int kMaxPairs = 256;
constexpr std::size_t kMaxOperands = 2;

/// Turns (not radians) a position of every pair.
struct Frequencies {
    double turns[kMaxPairs] = {};
};

template <class T>
struct Operand {
    Rows<const T> from{};
    Rows<T> to{};
    int heads = 0;
};

template <class T>
struct RopeArguments {
    Operand<T> operand[kMaxOperands] = {};
    int heads = 0;  ///< of all operands
    int head_dim = 0;
    int start = 0;  ///< first dim of a head that turns
    int pairs = 0;
    int tile = 1;  ///< rows at a time
    std::int64_t rows = 0;
    std::int64_t sequence = 1;
    float factor = 1.0F;   ///< of cosines
    float inverse = 1.0F;  ///< of sines: -factor turns back
};

/// Cosines, then sines, of the tile's rows. Whole turns are taken off in double, so that the angle
/// is as good at position 10^6 as at 1.
template <class T>
__device__ __forceinline__ void fill_angles(const RopeArguments<T>& of, const Frequencies& all,
                                            std::int64_t first, float* cosine, float* sine) {
    const int count = of.tile * of.pairs;
    for (int i = static_cast<int>(threadIdx.x); i < count; i += kThreads) {
        const std::int64_t position = (first + i / of.pairs) % of.sequence;
        const double turns = static_cast<double>(position) * all.turns[i % of.pairs];
        float s = 0.0F;
        float c = 0.0F;
        sincospif(2.0F * static_cast<float>(turns - rint(turns)), &s, &c);
        cosine[i] = of.factor * c;
        sine[i] = of.inverse * s;
    }
}

enum class Pairs { halves, neighbours };

/// Turns N pairs of one head: N elements of each half, or 2 N neighbours.
template <int N, Pairs kind, class T>
__device__ __forceinline__ void turn_pairs(const T* from, T* to, int half, const float* cosine,
                                           const float* sine) {
    const int second = kind == Pairs::halves ? half : N;
    auto a = load<N>(from);
    auto b = load<N>(from + second);
#pragma unroll
    for (int i = 0; i < N; ++i) {
        float* const x = kind == Pairs::halves ? &a[i] : (2 * i < N ? &a[2 * i] : &b[2 * i - N]);
        float* const y =
            kind == Pairs::halves ? &b[i] : (2 * i + 1 < N ? &a[2 * i + 1] : &b[2 * i + 1 - N]);
        const float turned = *x * cosine[i] - *y * sine[i];
        *y = *y * cosine[i] + *x * sine[i];
        *x = turned;
    }
    store<N>(to, a);
    store<N>(to + second, b);
}

template <class T, int N, Pairs kind>
__global__ void __launch_bounds__(kThreads)
    turn_rows(const __grid_constant__ RopeArguments<T> of,
              const __grid_constant__ Frequencies frequencies) {
    float* const cosine = shared_memory<float>();
    float* const sine = cosine + of.tile * of.pairs;
    const int packs = of.pairs / N;
    const int items = of.tile * of.heads * packs;
    for (std::int64_t first = std::int64_t{blockIdx.x} * of.tile; first < of.rows;
         first += std::int64_t{gridDim.x} * of.tile) {
        __syncthreads();  // the angles of the tile before have been used
        fill_angles(of, frequencies, first, cosine, sine);
        __syncthreads();
        for (int item = static_cast<int>(threadIdx.x); item < items; item += kThreads) {
            const int pair = item % packs * N;
            const int row = item / packs / of.heads;
            int head = item / packs % of.heads;
            if (first + row >= of.rows) break;
            const bool other = head >= of.operand[0].heads;
            if (other) head -= of.operand[0].heads;
            const Rows<const T> from = other ? of.operand[1].from : of.operand[0].from;
            const Rows<T> to = other ? of.operand[1].to : of.operand[0].to;
            const int column =
                head * of.head_dim + of.start + (kind == Pairs::halves ? pair : 2 * pair);
            turn_pairs<N, kind>(from.at(first + row, column), to.at(first + row, column), of.pairs,
                                cosine + row * of.pairs + pair, sine + row * of.pairs + pair);
        }
    }
}

Frequencies frequencies_of(const Rope& op) {
    Frequencies all;
    for (std::int64_t i = 0; i < op.rotary / 2; ++i) {
        all.turns[i] = rope_frequency(op, i) / kTurn;
    }
    return all;
}

template <class T>
RopeArguments<T> arguments(const Rope& op, const Launch& launch) {
    const auto factor = static_cast<float>(rope_attention(op));
    const int pairs = static_cast<int>(op.rotary / 2);
    RopeArguments<T> of{.head_dim = static_cast<int>(op.head_dim),
                        .start = static_cast<int>(op.tail ? op.head_dim - op.rotary : 0),
                        .pairs = pairs,
                        .tile = std::max(1, kThreads / pairs),
                        .rows = launch.in[0].rows(),
                        .sequence = op.sequence,
                        .factor = factor,
                        .inverse = op.inverse ? -factor : factor};
    for (std::size_t i = 0; i < launch.in.size(); ++i) {
        const int heads = static_cast<int>(launch.in[i].columns() / op.head_dim);
        of.operand[i] = {rows_of<const T>(launch.in[i]), rows_of<T>(launch.out[i]), heads};
        of.heads += heads;
    }
    return of;
}

/// Whether N pairs of every head lie where they can be read at once.
bool turns_wide(const Rope& op, const Launch& launch, int n) {
    const std::int64_t start = op.tail ? op.head_dim - op.rotary : 0;
    if (op.head_dim % n != 0 || start % n != 0 || op.rotary / 2 % n != 0) return false;
    return std::all_of(launch.in.begin(), launch.in.end(),
                       [n](const TensorView& view) { return rows_aligned(n, {&view}); });
}

template <class T, int N>
void launch_turn(const Rope& op, const Launch& launch) {
    const RopeArguments<T> of = arguments<T>(op, launch);
    const auto shared = 2 * sizeof(float) * static_cast<std::size_t>(of.tile * of.pairs);
    const unsigned blocks = grid_for(divide_up(of.rows, of.tile));
    launch_kernel(
        op.interleaved ? turn_rows<T, N, Pairs::neighbours> : turn_rows<T, N, Pairs::halves>,
        {blocks}, {kThreads}, shared, launch.stream, of, frequencies_of(op));
}

void rope_cuda(const Rope& op, const Launch& launch) {
    if (launch.in[0].rows() == 0 || op.rotary < 2) return;
    with_float(launch.in[0].dtype, [&]<class T>(T) {
        if (turns_wide(op, launch, kWide<T>)) {
            launch_turn<T, kWide<T>>(op, launch);
        } else {
            launch_turn<T, 1>(op, launch);
        }
    });
}

std::string refuse_rope(const Op& op, const Launch& launch) {
    const auto& rope = std::get<Rope>(op);
    if (rope.scaling == RopeScalingKind::other) {
        return "the model's rule for scaling RoPE has no kernel (none, linear, llama3 and yarn "
               "have)";
    }
    if (rope.rotary > 2 * kMaxPairs) {
        return "heads turn " + std::to_string(rope.rotary) + " dims; the CUDA kernel turns " +
               std::to_string(2 * kMaxPairs) + " at most";
    }
    return refuse_f64(op, launch);
}

}  // namespace

void add_rope_cuda_rows(KernelTable& table) { set_row<rope_cuda>(table, refuse_rope); }

}  // namespace headroom
