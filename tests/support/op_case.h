#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/kernel_table.h"
#include "planner/step/op.h"
#include "planner/step/step_graph.h"
#include "planner/step/tensor.h"
#include "runtime/backend.h"

namespace headroom::test {

/// What an input of an op under test holds.
enum class Fill { normal, uniform, ids, values };
struct OpInput {
    Shape shape{};
    Fill fill = Fill::normal;
    bool parameter = false;        ///< has a gradient tensor that backward ops write into
    bool frozen = false;           ///< takes no gradient at all
    DType dtype = DType::f64;      ///< f64 stands for the dtype under test; i32 for ids
    std::int64_t ids_below = 0;    ///< Fill::ids: 0 <= id < ids_below
    std::vector<double> values{};  ///< Fill::values
    std::int64_t row_stride = 0;   ///< > columns: the input is a block of columns
};

/// Activations ~ N(0, 1), differentiated; the same for a parameter, whose gradient accumulates.
OpInput real(Shape shape);
OpInput parameter(Shape shape);
OpInput frozen(Shape shape);
OpInput ids(Shape shape, std::int64_t below);
/// real(), as a block of columns of a wider matrix.
OpInput block(Shape shape, std::int64_t row_stride);

/// One op on inputs drawn from a seed. Its backward ops come from the tape, as in a step.
struct OpCase {
    Op op{};
    std::vector<OpInput> inputs{};
    unsigned seed = 1;
    Phase phase = Phase::forward;
    StepScalars scalars{};
    /// Outputs that reach the loss; empty: all floating ones. The loss is a fixed random weighting
    /// of them, or for loss ops the sum of their own loss.
    std::vector<std::size_t> differentiated{};
};

struct OpResult {
    std::vector<std::vector<double>> outputs{};    ///< of the forward op
    std::vector<std::vector<double>> gradients{};  ///< by input; empty where there is none
    WorkCounter counted{};                         ///< forward and backward
    double predicted_matrix = 0.0;                 ///< Work::matrix of the same ops
};

/// Runs the op (and its backward ops when it has any) with the CPU kernels, floating tensors
/// declared f32 or bf16 taking dtype `as` (f64: stats, parameters and gradients are f64 too).
OpResult run(const OpCase& c, DType as, const KernelTable& table = cpu_table());
OpResult run(const OpCase& c, DType as, Backend& backend);

/// Central differences in f64 against the backward ops, every element of every differentiated
/// input: |analytic - numeric| <= tolerance * max(1, |numeric|).
void check_gradient(const OpCase& c, double tolerance = 1e-6);
/// Storage dtypes against f64 with the same (rounded) inputs, forward and backward: relative L2
/// error of each tensor at most 1e-5 (f32), 1e-2 (bf16) and 1.3e-3 (f16), times `slack`.
void check_dtypes(const OpCase& c, double slack = 1.0);
/// Matrix FLOPs counted in the loops equal those that the op declares.
void check_work(const OpCase& c);

}  // namespace headroom::test
