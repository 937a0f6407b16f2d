#include <algorithm>
#include <cstdint>
#include <span>

#include "kernels/cpu/gemm.h"
#include "kernels/cpu_table.h"

namespace headroom {
namespace {

/// The rows of one expert.
struct Group {
    std::int64_t expert = 0;
    std::int64_t first = 0;
    std::int64_t rows = 0;
    bool again = false;  ///< rows of this expert have been visited
};

/// Calls visit(Group) for every group of rows, in their order; the groups hold all `rows`. Where
/// every count fits in an even share, each expert has its share (slots, the unused ones zero);
/// otherwise the groups lie end to end. More counts than experts are groups from several ranks,
/// each for all the experts here.
template <class Visit>
void for_each_group(const TensorView& counts, std::int64_t rows, std::int64_t experts,
                    const Visit& visit) {
    const std::span used(counts.as<std::int32_t>(), static_cast<std::size_t>(counts.count()));
    const auto groups = static_cast<std::int64_t>(used.size());
    const bool slots = std::ranges::max(used) * groups <= rows;
    std::int64_t first = 0;
    for (std::int64_t g = 0; g < groups; ++g) {
        const std::int64_t count =
            slots ? rows * (g + 1) / groups - first : used[static_cast<std::size_t>(g)];
        const std::int64_t size = g + 1 == groups ? rows - first : std::min(count, rows - first);
        visit({.expert = g % experts, .first = first, .rows = size, .again = g >= experts});
        first += size;
    }
}

/// The matrix of an expert in (E, out, in).
MatrixView of_expert(const TensorView& weights, std::int64_t expert) {
    const std::int64_t rows = weights.shape[1];
    return row_block(matrix(weights), expert * rows, rows);
}

/// y = x * W[expert]^T [+ bias[expert]].
void grouped_linear_cpu(const GroupedLinear&, const Launch& launch) {
    const MatrixView x = matrix(launch.in[0]);
    const TensorView& weights = launch.in[1];
    const MatrixView y = matrix(launch.out[0]);
    for_each_group(launch.in[2], x.rows, weights.shape[0], [&](const Group& group) {
        Product product{.a = {row_block(x, group.first, group.rows)},
                        .b = {of_expert(weights, group.expert), Form::transposed}};
        if (launch.in.size() == 4) {
            product.plus = repeated(row_block(matrix(launch.in[3]), group.expert, 1), group.rows);
        }
        multiply(product, row_block(y, group.first, group.rows), launch);
    });
}

/// dx = dy * W[expert].
void grouped_grad_input_cpu(const GroupedGradInput&, const Launch& launch) {
    const MatrixView dy = matrix(launch.in[0]);
    const TensorView& weights = launch.in[1];
    const MatrixView dx = matrix(launch.out[0]);
    for_each_group(launch.in[2], dy.rows, weights.shape[0], [&](const Group& group) {
        multiply({.a = {row_block(dy, group.first, group.rows)},
                  .b = {of_expert(weights, group.expert)}},
                 row_block(dx, group.first, group.rows), launch);
    });
}

/// dW[expert] = dy^T * x [+ dW[expert]], or dbias[expert] = column sums of dy [+ dbias[expert]].
void grouped_grad_weight_cpu(const GroupedGradWeight& op, const Launch& launch) {
    const MatrixView x = matrix(launch.in[0]);
    const MatrixView dy = matrix(launch.in[1]);
    const TensorView& gradient = launch.out[0];
    const bool all_add = adds(op.accumulation, launch);
    for_each_group(launch.in[2], x.rows, gradient.shape[0], [&](const Group& group) {
        const MatrixView to = op.bias ? row_block(matrix(gradient), group.expert, 1)
                                      : of_expert(gradient, group.expert);
        const MatrixView plus = all_add || group.again ? to : MatrixView{};
        const MatrixView dy_rows = row_block(dy, group.first, group.rows);
        if (op.bias) {
            sum_columns(dy_rows, plus, to, launch);
            return;
        }
        multiply({.a = {dy_rows, Form::transposed},
                  .b = {row_block(x, group.first, group.rows)},
                  .plus = plus},
                 to, launch);
    });
}

}  // namespace

void add_grouped_linear_rows(KernelTable& table) {
    set_row<grouped_linear_cpu>(table);
    set_row<grouped_grad_input_cpu>(table);
    set_row<grouped_grad_weight_cpu>(table);
}

}  // namespace headroom
