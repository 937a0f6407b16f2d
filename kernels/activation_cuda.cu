#include "kernels/cuda_table.h"
#include "kernels/device/refuse.h"
#include "kernels/device/row_team.cuh"
#include "planner/step/op/activation.h"

namespace headroom {
namespace {

using namespace device;

constexpr float kInverseRoot2 = 0.70710678F;
constexpr float kTwiceRootTwoOverPi = 1.5957691F;
constexpr float kInverseRootTwoPi = 0.39894228F;
constexpr float kCubic = 0.044715F;  ///< of the tanh form of gelu

__device__ __forceinline__ float sigmoid(float x) { return __fdividef(1.0F, 1.0F + __expf(-x)); }

/// A value and its derivative.
struct Slope {
    float value;
    float slope;
};

/// Gelu with the error function to 1.5e-7 (Abramowitz and Stegun 7.1.26), well below what 16 bits
/// hold: its exponential is that of the slope, where erff takes as much arithmetic again as a
/// multiprocessor has time for while the numbers come and go.
__device__ __forceinline__ Slope gelu_16_bits(float x) {
    const float bell = __expf(-0.5F * x * x);
    const float t = __fdividef(1.0F, fmaf(0.3275911F * kInverseRoot2, fabsf(x), 1.0F));
    float tail = fmaf(1.061405429F, t, -1.453152027F);
    tail = fmaf(tail, t, 1.421413741F);
    tail = fmaf(tail, t, -0.284496736F);
    tail = 0.5F * bell * t * fmaf(tail, t, 0.254829592F);  // beyond |x|
    const float share = x < 0.0F ? tail : 1.0F - tail;
    return {x * share, fmaf(x * kInverseRootTwoPi, bell, share)};
}

/// Of values that are stored as T.
template <ActivationKind kind, class T>
__device__ __forceinline__ Slope activate(float x) {
    if constexpr (kind == ActivationKind::relu) {
        return {x > 0.0F ? x : 0.0F, x > 0.0F ? 1.0F : 0.0F};
    } else if constexpr (kind == ActivationKind::silu) {
        const float s = sigmoid(x);
        return {x * s, s * (1.0F + x * (1.0F - s))};
    } else if constexpr (kind == ActivationKind::tanh) {
        const float t = tanhf(x);
        return {t, 1.0F - t * t};
    } else if constexpr (kind == ActivationKind::gelu && sizeof(T) == 2) {
        return gelu_16_bits(x);
    } else if constexpr (kind == ActivationKind::gelu) {
        const float share = 0.5F * (1.0F + erff(x * kInverseRoot2));
        return {x * share, share + x * kInverseRootTwoPi * __expf(-0.5F * x * x)};
    } else {
        // (1 + tanh(u)) / 2 = sigmoid(2 u), u = sqrt(2 / pi) * (x + kCubic * x^3)
        const float share = sigmoid(kTwiceRootTwoOverPi * x * (1.0F + kCubic * x * x));
        const float rise = kTwiceRootTwoOverPi * (1.0F + 3.0F * kCubic * x * x);
        return {x * share, share + x * share * (1.0F - share) * rise};
    }
}

/// Calls visit with the kind as a constant.
template <class Visit>
void with_kind(ActivationKind kind, const Visit& visit) {
    using K = ActivationKind;
    switch (kind) {
        case K::relu:
            return visit(std::integral_constant<K, K::relu>{});
        case K::gelu:
            return visit(std::integral_constant<K, K::gelu>{});
        case K::gelu_tanh:
            return visit(std::integral_constant<K, K::gelu_tanh>{});
        case K::silu:
            return visit(std::integral_constant<K, K::silu>{});
        case K::tanh:
            return visit(std::integral_constant<K, K::tanh>{});
    }
}

/// The operands of both passes; `up` has no data when there is no gate, `weight` and `dweight` when
/// no rows are weighted. Gradients may lie over what they are the gradients of.
template <class T>
struct ActivateArguments {
    Rows<const T> gate{};
    Rows<const T> up{};
    const float* weight = nullptr;
    Rows<T> y{};
    Rows<const T> dy{};
    Rows<T> dgate{};
    Rows<T> dup{};
    float* dweight = nullptr;
};

template <class T, ActivationKind kind>
struct ActivateElements {
    ActivateArguments<T> of{};
    template <int N>
    __device__ __forceinline__ void run(std::int64_t row, std::int64_t column) const {
        auto value = load<N>(of.gate.at(row, column));
        const float weight = of.weight != nullptr ? of.weight[row] : 1.0F;
#pragma unroll
        for (int i = 0; i < N; ++i) value[i] = weight * activate<kind, T>(value[i]).value;
        if (of.up.data != nullptr) {
            const auto up = load<N>(of.up.at(row, column));
#pragma unroll
            for (int i = 0; i < N; ++i) value[i] *= up[i];
        }
        store<N>(of.y.at(row, column), value);
    }
};

template <class T, ActivationKind kind>
struct ActivateGradients {
    ActivateArguments<T> of{};
    /// Returns the sum of dy * unweighted y.
    template <int N>
    __device__ __forceinline__ float run(std::int64_t row, std::int64_t column) const {
        auto gate = load<N>(of.gate.at(row, column));
        auto dy = load<N>(of.dy.at(row, column));
        const bool gated = of.up.data != nullptr;
        Floats<N> up;
#pragma unroll
        for (int i = 0; i < N; ++i) up[i] = 1.0F;
        if (gated) up = load<N>(of.up.at(row, column));
        const float weight = of.weight != nullptr ? of.weight[row] : 1.0F;
        float sum = 0.0F;
#pragma unroll
        for (int i = 0; i < N; ++i) {
            const Slope act = activate<kind, T>(gate[i]);
            sum = fmaf(dy[i], act.value * up[i], sum);
            dy[i] *= weight;
            gate[i] = dy[i] * up[i] * act.slope;
            up[i] = dy[i] * act.value;
        }
        store<N>(of.dgate.at(row, column), gate);
        if (gated) store<N>(of.dup.at(row, column), up);
        return sum;
    }
};

/// Gradients of weighted rows: a team a row, which also sums the gradient of its weight.
template <int N, Team team, class Body>
__global__ void __launch_bounds__(kTeamThreads, kTeamBlocks)
    weighted_gradients(std::int64_t rows, int columns, Body body) {
    const Seat<team> seat;
    TeamSums<team, 1> sums;
    for (std::int64_t row = seat.first_row(); row < rows; row += seat.row_step()) {
        float sum[1] = {};
        for (int c = seat.rank * N; c < columns; c += seat.size * N) {
            sum[0] += body.template run<N>(row, c);
        }
        sums.add_up(sum);
        if (seat.rank == 0) body.of.dweight[row] = sum[0];
    }
}

template <int N, class Body>
void launch_weighted(const Launch& launch, std::int64_t rows, std::int64_t columns,
                     const Body& body) {
    const std::int64_t packs = divide_up(columns, N);
    with_team(packs, [&](auto team) {
        const TeamShape shape = team_shape(team.value, packs, 2, {});
        launch_kernel(weighted_gradients<N, decltype(team)::value, Body>, {shape.grid(rows)},
                      shape.block, 0, launch.stream, rows, static_cast<int>(columns), body);
    });
}

/// Gate and up as two matrices, also where one packed (N, 2F) holds them side by side.
struct Halves {
    TensorView gate{};
    TensorView up{};
    bool gated = false;

    Halves(std::span<const TensorView> views, bool is_gated, bool packed)
        : gate(views[0]), up(views[is_gated && !packed ? 1 : 0]), gated(is_gated) {
        if (!packed) return;
        gate.shape[1] /= 2;
        up.shape = gate.shape;
        up.data += bytes_of(gate.columns(), up.dtype);
    }
    template <class T>
    [[nodiscard]] Rows<T> up_rows() const {
        return gated ? rows_of<T>(up) : Rows<T>{};
    }
};

void activate_cuda(const Activate& op, const Launch& launch) {
    const Halves in(launch.in, op.gated, op.packed);
    const TensorView& y = launch.out[0];
    const TensorView& last = launch.in[launch.in.size() - 1];
    const Columns all{y.rows(), 0, y.columns()};
    with_float(y.dtype, [&]<class T>(T) {
        const ActivateArguments<T> of{.gate = rows_of<const T>(in.gate),
                                      .up = in.up_rows<const T>(),
                                      .weight = op.routed ? last.as<const float>() : nullptr,
                                      .y = rows_of<T>(y)};
        with_kind(op.kind, [&](auto kind) {
            const ActivateElements<T, decltype(kind)::value> body{of};
            with_width<T>({&in.gate, &in.up, &y},
                          [&](auto n) { launch_rows<decltype(n)::value>(launch, all, body); });
        });
    });
}

void activate_grad_cuda(const ActivateGrad& op, const Launch& launch) {
    const Halves in(launch.in, op.gated, op.packed);
    const Halves out(launch.out, op.gated, op.packed);
    const TensorView& dy = launch.in[launch.in.size() - 1];
    const Columns all{dy.rows(), 0, dy.columns()};
    with_float(dy.dtype, [&]<class T>(T) {
        ActivateArguments<T> of{.gate = rows_of<const T>(in.gate),
                                .up = in.up_rows<const T>(),
                                .dy = rows_of<const T>(dy),
                                .dgate = rows_of<T>(out.gate),
                                .dup = out.up_rows<T>()};
        if (op.routed) {
            of.weight = launch.in[launch.in.size() - 2].as<const float>();
            of.dweight = launch.out[launch.out.size() - 1].as<float>();
        }
        with_kind(op.kind, [&](auto kind) {
            const ActivateGradients<T, decltype(kind)::value> body{of};
            with_width<T>({&in.gate, &in.up, &dy, &out.gate, &out.up}, [&](auto n) {
                if (op.routed) {
                    launch_weighted<decltype(n)::value>(launch, all.rows, all.end, body);
                } else {
                    launch_rows<decltype(n)::value>(launch, all, body);
                }
            });
        });
    });
}

}  // namespace

void add_activation_cuda_rows(KernelTable& table) {
    set_row<activate_cuda>(table, refuse_f64);
    set_row<activate_grad_cuda>(table, refuse_f64);
}

}  // namespace headroom
