#include "kernels/cpu/gemm.h"
#include "kernels/cpu_table.h"

namespace headroom {
namespace {

/// y = x * W^T [+ bias].
void linear_cpu(const Linear&, const Launch& launch) {
    const MatrixView x = matrix(launch.in[0]);
    Product product{.a = {x}, .b = {matrix(launch.in[1]), Form::transposed}};
    if (launch.in.size() == 3) product.plus = repeated(matrix(launch.in[2]), x.rows);
    multiply(product, matrix(launch.out[0]), launch);
}

/// y += scale * x * W^T.
void linear_add_cpu(const LinearAdd& op, const Launch& launch) {
    const MatrixView y = matrix(launch.out[0]);
    multiply({.a = {matrix(launch.in[1])},
              .b = {matrix(launch.in[2]), Form::transposed},
              .plus = y,
              .scale = op.scale},
             y, launch);
}

/// dx = scale * dy * W [+ dx].
void linear_grad_input_cpu(const LinearGradInput& op, const Launch& launch) {
    const MatrixView dx = matrix(launch.out[0]);
    Product product{.a = {matrix(launch.in[0])}, .b = {matrix(launch.in[1])}, .scale = op.scale};
    if (launch.in.size() == 3) product.plus = dx;
    multiply(product, dx, launch);
}

/// dW = scale * dy^T * x [+ dW].
void linear_grad_weight_cpu(const LinearGradWeight& op, const Launch& launch) {
    const MatrixView dw = matrix(launch.out[0]);
    Product product{.a = {matrix(launch.in[1]), Form::transposed},
                    .b = {matrix(launch.in[0])},
                    .scale = op.scale};
    if (adds(op.accumulation, launch)) product.plus = dw;
    multiply(product, dw, launch);
}

void bias_grad_cpu(const BiasGrad& op, const Launch& launch) {
    const MatrixView dbias = matrix(launch.out[0]);
    const MatrixView plus = adds(op.accumulation, launch) ? dbias : MatrixView{};
    sum_columns(matrix(launch.in[0]), plus, dbias, launch);
}

}  // namespace

void add_linear_rows(KernelTable& table) {
    set_row<linear_cpu>(table);
    set_row<linear_add_cpu>(table);
    set_row<linear_grad_input_cpu>(table);
    set_row<linear_grad_weight_cpu>(table);
    set_row<bias_grad_cpu>(table);
}

}  // namespace headroom
