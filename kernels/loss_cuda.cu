#include <algorithm>
#include <cmath>
#include <cstdint>

#include "kernels/cuda_table.h"
#include "kernels/device/blas.h"
#include "kernels/device/distilled_loss.cuh"
#include "kernels/device/logits.cuh"
#include "kernels/device/loss_sum.h"
#include "kernels/device/number.cuh"
#include "kernels/device/reduce.cuh"
#include "kernels/device/vec.cuh"
#include "planner/base/error.h"

namespace headroom {
namespace {

using namespace device;

/// Half as many rows fit a processor as with twice the registers.
constexpr int kThreads = kLogitThreads;
constexpr int kBlocksPerProcessor = 3;

/// Rows of logits and what becomes of them; no pointer: not asked for. A target < 0 leaves its
/// token out; one beyond the row lies in another shard of the vocabulary. What a row's last wide
/// access takes beyond its columns is room that the row has.
template <class T>
struct LossRows {
    const T* logits = nullptr;
    std::int64_t logits_stride = 0;
    const std::int32_t* targets = nullptr;
    float* loss = nullptr;
    float* lse = nullptr;
    T* gradient = nullptr;  ///< may be the logits
    std::int64_t gradient_stride = 0;
    int columns = 0;
    Shaping shaping{};
    const StepScalars* scalars = nullptr;
};

/// ln of the sum of exponentials of a row: the largest value, and what is left.
struct LogSumExp {
    float most = 0.0F;
    float rest = 0.0F;
    __device__ __forceinline__ float value() const { return most + rest; }
    /// Less x, without losing digits where x is nearly the largest of large values.
    __device__ __forceinline__ float minus(float x) const { return (most - x) + rest; }
};

/// The row is read once: each thread's sum shrinks when the largest value that it has seen grows.
template <class T, int N>
__device__ LogSumExp log_sum_exp(const T* row, int columns, Shaping shaping) {
    float largest = -INFINITY;
    float sum = 0.0F;
    for (int at = thread_rank() * N; at < columns; at += kThreads * N) {
        auto x = load<N>(row + at);
        float here = -INFINITY;
#pragma unroll
        for (int i = 0; i < N; ++i) {
            x[i] = at + i < columns ? shaping(x[i]) : -INFINITY;
            here = fmaxf(here, x[i]);
        }
        if (here > largest) {
            sum *= exponential(largest - here);
            largest = here;
        }
        const float shift = largest > -INFINITY ? largest : 0.0F;
#pragma unroll
        for (int i = 0; i < N; ++i) sum += exponential(x[i] - shift);
    }
    const float most = block_reduce(largest, Maximum{}, -INFINITY);
    if (largest < most) sum *= exponential(largest - most);
    return {most, logf(block_sum(sum))};
}

/// gradient = (softmax - one at the target) * scale * slope. A thread writes what it has read.
template <class T, int N>
__device__ void write_gradient(const T* row, T* gradient, int target, float lse,
                               const LossRows<T>& rows) {
    const float scale = target < 0 ? 0.0F : rows.scalars->gradient_scale;
    for (int at = thread_rank() * N; at < rows.columns; at += kThreads * N) {
        auto x = load<N>(row + at);
#pragma unroll
        for (int i = 0; i < N; ++i) {
            const float shaped = rows.shaping(x[i]);
            const float error = exponential(shaped - lse) - (at + i == target ? 1.0F : 0.0F);
            const bool kept = target >= 0 && at + i < rows.columns;
            x[i] = kept ? error * scale * rows.shaping.slope(shaped) : 0.0F;
        }
        store<N>(gradient + at, x);
    }
}

/// Losses of rows, and their gradients where there is room for them.
template <class T, int N>
__global__ void __launch_bounds__(kThreads, kBlocksPerProcessor) loss_kernel(LossRows<T> rows) {
    const auto r = static_cast<std::int64_t>(blockIdx.x);
    const T* const row = rows.logits + r * rows.logits_stride;
    const int target = rows.targets[r];
    const bool here = target >= 0 && target < rows.columns;
    // Before the barriers of the sum, since the gradient may lie over it.
    const float correct = here ? rows.shaping(to_float(row[target])) : 0.0F;
    const LogSumExp lse = log_sum_exp<T, N>(row, rows.columns, rows.shaping);
    if (thread_rank() == 0) {
        rows.loss[r] = target < 0 ? 0.0F : lse.minus(correct);
        if (rows.lse != nullptr) rows.lse[r] = lse.value();
    }
    if (rows.gradient == nullptr) return;
    write_gradient<T, N>(row, rows.gradient + r * rows.gradient_stride, target, lse.value(), rows);
}

/// Gradients of rows whose log-sum-exp is known.
template <class T, int N>
__global__ void __launch_bounds__(kThreads, kBlocksPerProcessor) gradient_kernel(LossRows<T> rows) {
    const auto r = static_cast<std::int64_t>(blockIdx.x);
    write_gradient<T, N>(rows.logits + r * rows.logits_stride,
                         rows.gradient + r * rows.gradient_stride, rows.targets[r], rows.lse[r],
                         rows);
}

/// One block; thread t adds losses t, t + kThreads ... in f64.
__global__ void __launch_bounds__(kThreads)
    loss_sum_kernel(const float* loss, std::int64_t tokens, StepScalars* results) {
    double sum = 0.0;
    for (std::int64_t i = thread_rank(); i < tokens; i += kThreads) {
        sum += static_cast<double>(loss[i]);
    }
    sum = block_sum(sum);
    if (thread_rank() == 0) results->loss_sum += sum;
}

template <class T, class AnyLoss>
LossRows<T> rows_of_logits(const AnyLoss& op, const TensorView& logits, const Launch& launch) {
    if (logits.columns() > INT32_MAX / 2) throw InternalError("a vocabulary beyond 2^30");
    return {.logits = logits.as<T>(),
            .logits_stride = logits.stride,
            .columns = static_cast<int>(logits.columns()),
            .shaping = Shaping::of(op),
            .scalars = launch.scalars};
}

/// Calls one of two kernels, which read one row a block, with the widest loads that the views
/// allow.
enum class Pass { loss, gradient };
template <Pass pass, class T>
void launch_rows(const LossRows<T>& rows, std::int64_t count,
                 std::initializer_list<const TensorView*> views, void* stream) {
    if (count == 0) return;
    with_width<T>(views, [&](auto width) {
        constexpr int kWidth = decltype(width)::value;
        const auto kernel =
            pass == Pass::loss ? loss_kernel<T, kWidth> : gradient_kernel<T, kWidth>;
        launch_kernel(kernel, {static_cast<unsigned>(count)}, {kThreads}, 0, stream, rows);
    });
}

void cross_entropy_cuda(const CrossEntropy& op, const Launch& launch) {
    const TensorView& logits = launch.in[0];
    with_float(logits.dtype, [&](auto t) {
        auto rows = rows_of_logits<decltype(t)>(op, logits, launch);
        rows.targets = launch.in[1].as<std::int32_t>();
        rows.loss = launch.out[0].as<float>();
        rows.lse = launch.out[1].as<float>();
        launch_rows<Pass::loss>(rows, logits.rows(), {&logits}, launch.stream);
    });
}

void cross_entropy_grad_cuda(const CrossEntropyGrad& op, const Launch& launch) {
    const TensorView& logits = launch.in[0];
    const TensorView& gradient = launch.out[0];
    with_float(logits.dtype, [&](auto t) {
        using T = decltype(t);
        auto rows = rows_of_logits<T>(op, logits, launch);
        rows.targets = launch.in[1].as<std::int32_t>();
        rows.lse = launch.in[2].as<float>();
        rows.gradient = gradient.as<T>();
        rows.gradient_stride = gradient.stride;
        launch_rows<Pass::gradient>(rows, logits.rows(), {&logits, &gradient}, launch.stream);
    });
}

constexpr std::int64_t kAlignedRow = 8;  ///< elements

/// The chunk's memory as rows whose starts a matrix product and wide accesses can use: a few tokens
/// fewer where the vocabulary is no multiple of kAlignedRow.
TensorView aligned_rows(const TensorView& chunk) {
    const std::int64_t stride = ceil_div(chunk.columns(), kAlignedRow) * kAlignedRow;
    const std::int64_t rows = chunk.count() / stride;
    if (stride == chunk.columns() || !chunk.contiguous() || rows == 0) return chunk;
    TensorView aligned = chunk;
    aligned.shape = {rows, chunk.columns()};
    aligned.stride = stride;
    return aligned;
}

/// With the columns that a wide access may touch.
TensorView with_room(const TensorView& chunk) {
    TensorView room = chunk;
    room.shape = {chunk.rows(), chunk.stride};
    return room;
}

/// Losses of the tokens from `first` on, whose logits become their gradient where one is asked for.
void losses_of_chunk(const HeadLoss& op, const Launch& launch, const TensorView& chunk,
                     std::int64_t first, std::int64_t tokens) {
    with_float(chunk.dtype, [&](auto t) {
        using T = decltype(t);
        auto rows = rows_of_logits<T>(op, chunk, launch);
        rows.targets = launch.in[2].as<std::int32_t>() + first;
        rows.loss = launch.out[0].as<float>() + first;
        if (op.input_gradient || op.weight_gradient) {
            rows.gradient = chunk.as<T>();
            rows.gradient_stride = chunk.stride;
        }
        const TensorView room = with_room(chunk);
        launch_rows<Pass::loss>(rows, tokens, {&room}, launch.stream);
    });
}

/// The same beside a teacher's logits.
void taught_losses_of_chunk(const HeadLoss& op, const Launch& launch, const TensorView& chunk,
                            const TensorView& taught, std::int64_t first, std::int64_t tokens) {
    if (tokens == 0) return;
    with_float(chunk.dtype, [&](auto t) {
        using T = decltype(t);
        const auto logits = rows_of_logits<T>(op, chunk, launch);
        const TaughtRows<T> rows{.student = chunk.as<T>(),
                                 .student_stride = chunk.stride,
                                 .teacher = taught.as<T>(),
                                 .teacher_stride = taught.stride,
                                 .targets = launch.in[2].as<std::int32_t>() + first,
                                 .loss = launch.out[0].as<float>() + first,
                                 .gradient = op.input_gradient || op.weight_gradient,
                                 .columns = logits.columns,
                                 .shaping = logits.shaping,
                                 .taught = Shaping::of(op.teacher),
                                 .temperature = static_cast<float>(op.teacher.temperature),
                                 .weight = static_cast<float>(op.teacher.weight),
                                 .scalars = launch.scalars};
        const TensorView room = with_room(chunk);
        const TensorView taught_room = with_room(taught);
        with_width<T>({&room, &taught_room}, [&](auto width) {
            launch_kernel(taught_kernel<T, decltype(width)::value>, {static_cast<unsigned>(tokens)},
                          {kThreads}, 0, launch.stream, rows);
        });
    });
}

/// Where the outputs of a HeadLoss stand among launch.out.
struct HeadOutputs {
    std::size_t chunk;
    std::size_t teacher_chunk;
    std::size_t count;
};
HeadOutputs outputs_of(const HeadLoss& op) {
    const std::size_t chunk = op.input_gradient ? 2 : 1;
    const std::size_t last = chunk + (op.teacher.on ? 1 : 0);
    return {chunk, last, last + (op.weight_gradient ? 2 : 1)};
}

/// visit(first, count) of a vocabulary's ids: as many as cuBLASLt's fastest kernels take, a
/// multiple of kAlignedRow, and the few that are left.
template <class Visit>
void each_part(std::int64_t vocabulary, const Visit& visit) {
    const std::int64_t whole = vocabulary / kAlignedRow * kAlignedRow;
    if (whole > 0) visit(std::int64_t{0}, whole);
    if (whole < vocabulary) visit(whole, vocabulary - whole);
}

/// logits = x W^T.
void multiply_head(const Matrix& x, const Matrix& weight, const Matrix& logits,
                   const Launch& launch) {
    each_part(weight.rows, [&](std::int64_t id, std::int64_t ids) {
        multiply_counted({.a = x,
                          .b = rows_of(weight, id, ids),
                          .b_stored = Stored::transposed,
                          .d = columns_of(logits, id, ids)},
                         launch.workspace, launch);
    });
}

/// Logits, losses and both gradients, a chunk of tokens after the other.
void head_loss_cuda(const HeadLoss& op, const Launch& launch) {
    const HeadOutputs outputs = outputs_of(op);
    if (launch.out.size() != outputs.count) {
        throw InternalError("head_loss with a weight gradient has nowhere to write it");
    }
    const auto multiply = [&](const Gemm& gemm) {
        multiply_counted(gemm, launch.workspace, launch);
    };
    const Matrix all = matrix_of(launch.in[0]);
    const Matrix weight = matrix_of(launch.in[1]);
    const TensorView chunk = aligned_rows(launch.out[outputs.chunk]);
    const TensorView taught = aligned_rows(launch.out[outputs.teacher_chunk]);
    const std::int64_t chunks = std::max(ceil_div(all.rows, chunk.rows()), std::int64_t{1});
    const std::int64_t step = ceil_div(all.rows, chunks);  // none is left with a few tokens
    bool add = adds(op.accumulation, launch);
    for (std::int64_t first = 0; first < all.rows; first += step) {
        const std::int64_t tokens = std::min(step, all.rows - first);
        const Matrix x = rows_of(all, first, tokens);
        const Matrix logits = rows_of(matrix_of(chunk), 0, tokens);
        multiply_head(x, weight, logits, launch);
        if (op.teacher.on) {
            multiply_head(rows_of(matrix_of(launch.in[3]), first, tokens), matrix_of(launch.in[4]),
                          rows_of(matrix_of(taught), 0, tokens), launch);
            taught_losses_of_chunk(op, launch, chunk, taught, first, tokens);
        } else {
            losses_of_chunk(op, launch, chunk, first, tokens);
        }
        each_part(weight.rows, [&](std::int64_t id, std::int64_t ids) {
            const Matrix part = columns_of(logits, id, ids);
            if (op.input_gradient) {
                multiply({.a = part,
                          .b = rows_of(weight, id, ids),
                          .d = rows_of(matrix_of(launch.out[1]), first, tokens),
                          .beta = id == 0 ? 0.0 : 1.0});
            }
            if (op.weight_gradient) {
                multiply({.a = part,
                          .a_stored = Stored::transposed,
                          .b = x,
                          .d = rows_of(matrix_of(launch.out.back()), id, ids),
                          .beta = add ? 1.0 : 0.0});
            }
        });
        add = true;  // later chunks
    }
}

/// The logits' dtype must be one that kernels read.
std::string logits_refused(const Op&, const Launch& launch) {
    const DType dtype = launch.in[0].dtype;
    return dtype_refusal(dtype, dtype, dtype).empty()
               ? std::string()
               : "takes no losses of " + std::string(name(dtype)) + " logits";
}

std::string head_loss_refused(const Op& op, const Launch& launch) {
    const DType x = launch.in[0].dtype;
    std::string refusal = dtype_refusal(x, launch.in[1].dtype, x);
    const auto& loss = std::get<HeadLoss>(op);
    if (refusal.empty() && loss.weight_gradient) {
        refusal = dtype_refusal(x, x, launch.out.back().dtype);
    }
    if (refusal.empty() && loss.teacher.on) {
        refusal = dtype_refusal(x, launch.in[3].dtype, launch.in[4].dtype);
    }
    return refusal;
}

}  // namespace

void add_loss_cuda(const TensorView& loss, StepScalars* results, void* stream) {
    launch_kernel(loss_sum_kernel, {1}, {kThreads}, 0, stream, loss.as<float>(), loss.count(),
                  results);
}

void add_loss_cuda_rows(KernelTable& table) {
    set_row<cross_entropy_cuda>(table, logits_refused);
    set_row<cross_entropy_grad_cuda>(table, logits_refused);
    set_row<head_loss_cuda>(table, head_loss_refused);
}

}  // namespace headroom
