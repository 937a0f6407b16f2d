#include <algorithm>
#include <cstdint>

#include "kernels/cuda_table.h"
#include "kernels/device/blas.h"
#include "kernels/device/column_sum.cuh"
#include "kernels/device/low_rank.cuh"
#include "kernels/device/number.cuh"
#include "kernels/device/refuse.h"
#include "kernels/device/rows.cuh"
#include "kernels/device/thin_gradient.cuh"
#include "planner/base/error.h"

namespace headroom {
namespace {

using namespace device;

/// Keeps what cuBLASLt works in on the boundary that it asks for.
constexpr std::int64_t kBoundary = 512;

// ---- Factors of two dtypes ----

/// to = from, rounded.
template <class T>
struct RoundElements {
    Rows<const float> from;
    Rows<T> to;
    template <int N>
    __device__ __forceinline__ void run(std::int64_t row, std::int64_t column) const {
        store<N>(to.at(row, column), load<N>(from.at(row, column)));
    }
};

TensorView view_of(const Matrix& matrix) {
    TensorView view;
    view.shape = {matrix.rows, matrix.columns};
    view.dtype = matrix.dtype;
    view.data = matrix.data;
    view.stride = matrix.stride;
    return view;
}

/// An f32 matrix in a narrower dtype, its rows side by side at `to`.
Matrix rounded_into(std::byte* to, const Matrix& from, DType dtype, const Launch& launch) {
    Matrix out = from;
    out.data = to;
    out.stride = from.columns;
    out.dtype = dtype;
    const TensorView wide = view_of(from);
    const TensorView narrow = view_of(out);
    with_float(dtype, [&]<class T>(T) {
        const RoundElements<T> body{rows_of<const float>(wide), rows_of<T>(narrow)};
        for_each<T>(launch, {&wide, &narrow}, body);
    });
    return out;
}

/// The part of a product that rows [first, first + count) of its wider factor take part in.
Gemm part_of(const Gemm& gemm, bool a_is_wider, std::int64_t first, std::int64_t count) {
    Gemm part = gemm;
    const Stored stored = a_is_wider ? gemm.a_stored : gemm.b_stored;
    const bool terms = (stored == Stored::transposed) == a_is_wider;
    if (terms) {  // a part of every sum
        part.a = gemm.a_stored == Stored::plain ? columns_of(gemm.a, first, count)
                                                : rows_of(gemm.a, first, count);
        part.b = gemm.b_stored == Stored::plain ? rows_of(gemm.b, first, count)
                                                : columns_of(gemm.b, first, count);
        if (first == 0) return part;
        part.beta = 1.0;
        part.bias = nullptr;
        return part;
    }
    if (a_is_wider) {
        part.a = rows_of(gemm.a, first, count);
        part.d = rows_of(gemm.d, first, count);
        return part;
    }
    part.b = rows_of(gemm.b, first, count);
    part.d = columns_of(gemm.d, first, count);
    if (gemm.bias != nullptr) part.bias = gemm.bias + bytes_of(first, gemm.d.dtype);
    return part;
}

/// Multiplies: what an adapter's rank leaves bound by memory with kernels of ours, all else with
/// cuBLASLt. It wants factors of one dtype: an f32 one (the gradient of a router's logits)
/// beside a 16-bit one is rounded first, as every gradient of 16-bit training is, in half of the
/// workspace and as many of its rows at a time as fit there.
void multiply(const Gemm& gemm, const Launch& launch) {
    if (is_low_rank(gemm)) return multiply_low_rank(gemm, launch);
    if (is_thin_gradient(gemm, launch)) return multiply_thin_gradient(gemm, launch);
    if (gemm.a.dtype == gemm.b.dtype) return multiply_counted(gemm, launch.workspace, launch);
    const bool a_is_wider = gemm.a.dtype == DType::f32;
    const Matrix& wide = a_is_wider ? gemm.a : gemm.b;
    const DType narrow = a_is_wider ? gemm.b.dtype : gemm.a.dtype;
    const std::int64_t whole = bytes(launch.workspace).count();
    const std::int64_t half = whole / 2 / kBoundary * kBoundary;
    const std::int64_t rows_at_once =
        half / bytes_of(std::max<std::int64_t>(wide.columns, 1), narrow);
    if (rows_at_once == 0) throw InternalError("a row of a factor does not fit the workspace");
    TensorView rest = launch.workspace;
    rest.data += half;
    rest.shape = {whole - half};
    rest.dtype = DType::u8;
    for (std::int64_t first = 0; first < wide.rows; first += rows_at_once) {
        const std::int64_t count = std::min(rows_at_once, wide.rows - first);
        Gemm part = part_of(gemm, a_is_wider, first, count);
        Matrix& factor = a_is_wider ? part.a : part.b;
        factor = rounded_into(launch.workspace.data, factor, narrow, launch);
        multiply_counted(part, rest, launch);
    }
}

/// Why a product of these operands cannot be had.
std::string product_refused(DType a, DType b, DType d) {
    const bool mixed = a != b && (a == DType::f32 || b == DType::f32);
    const DType factor = mixed && a == DType::f32 ? b : a;
    return dtype_refusal(factor, mixed ? factor : b, d);
}

// ---- Linear ----

/// Every row of y = the bias.
template <class Bias, class T>
struct RepeatBias {
    const Bias* bias;
    Rows<T> y;
    template <int N>
    __device__ __forceinline__ void run(std::int64_t row, std::int64_t column) const {
        store<N>(y.at(row, column), load<N>(bias + column));
    }
};

void repeat_bias(const TensorView& bias, const TensorView& y, const Launch& launch) {
    const Columns all{y.rows(), 0, y.columns()};
    with_float(bias.dtype, [&]<class Bias>(Bias) {
        with_float(y.dtype, [&]<class T>(T) {
            const RepeatBias<Bias, T> body{bias.as<const Bias>(), rows_of<T>(y)};
            with_width<T>({&bias, &y},
                          [&](auto n) { launch_rows<decltype(n)::value>(launch, all, body); });
        });
    });
}

/// y = x * W^T [+ bias]: the library adds a bias of y's dtype, any other stands in y before.
void linear_cuda(const Linear&, const Launch& launch) {
    Gemm gemm{.a = matrix_of(launch.in[0]),
              .b = matrix_of(launch.in[1]),
              .b_stored = Stored::transposed,
              .d = matrix_of(launch.out[0])};
    if (launch.in.size() == 3) {
        const TensorView& bias = launch.in[2];
        if (bias.dtype == gemm.d.dtype) {
            gemm.bias = bias.data;
        } else {
            repeat_bias(bias, launch.out[0], launch);
            gemm.beta = 1.0;
        }
    }
    multiply(gemm, launch);
}

/// y += scale * x * W^T.
void linear_add_cuda(const LinearAdd& op, const Launch& launch) {
    multiply({.a = matrix_of(launch.in[1]),
              .b = matrix_of(launch.in[2]),
              .b_stored = Stored::transposed,
              .d = matrix_of(launch.out[0]),
              .alpha = op.scale,
              .beta = 1.0},
             launch);
}

/// dx = scale * dy * W [+ dx].
void linear_grad_input_cuda(const LinearGradInput& op, const Launch& launch) {
    multiply({.a = matrix_of(launch.in[0]),
              .b = matrix_of(launch.in[1]),
              .d = matrix_of(launch.out[0]),
              .alpha = op.scale,
              .beta = launch.in.size() == 3 ? 1.0 : 0.0},
             launch);
}

/// dW = scale * dy^T * x [+ dW].
void linear_grad_weight_cuda(const LinearGradWeight& op, const Launch& launch) {
    multiply({.a = matrix_of(launch.in[1]),
              .a_stored = Stored::transposed,
              .b = matrix_of(launch.in[0]),
              .d = matrix_of(launch.out[0]),
              .alpha = op.scale,
              .beta = adds(op.accumulation, launch) ? 1.0 : 0.0},
             launch);
}

// ---- Bias ----

template <class T>
struct Elements {
    Rows<const T> of;
    template <int N>
    __device__ __forceinline__ Floats<N> value(std::int64_t row, std::int64_t column) const {
        return load<N>(of.at(row, column));
    }
};

/// dbias = the sum of each column of dy [+ dbias].
void bias_grad_cuda(const BiasGrad& op, const Launch& launch) {
    const TensorView& dy = launch.in[0];
    with_float(dy.dtype, [&]<class T>(T) {
        sum_columns<T>(launch, {&dy}, Elements<T>{rows_of<const T>(dy)}, any_vector(launch.out[0]),
                       adds(op.accumulation, launch));
    });
}

// ---- What they refuse ----

std::string linear_refused(const Op&, const Launch& launch) {
    return product_refused(launch.in[0].dtype, launch.in[1].dtype, launch.out[0].dtype);
}
std::string linear_add_refused(const Op&, const Launch& launch) {
    return product_refused(launch.in[1].dtype, launch.in[2].dtype, launch.out[0].dtype);
}

}  // namespace

void add_linear_cuda_rows(KernelTable& table) {
    set_row<linear_cuda>(table, linear_refused);
    set_row<linear_add_cuda>(table, linear_add_refused);
    set_row<linear_grad_input_cuda>(table, linear_refused);
    set_row<linear_grad_weight_cuda>(table, linear_refused);
    set_row<bias_grad_cuda>(table, refuse_f64);
}

}  // namespace headroom
