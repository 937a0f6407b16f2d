#pragma once

// The loss of a student beside its teacher, and the gradient of its logits, a row a block.

#include "kernels/device/logits.cuh"
#include "kernels/device/number.cuh"
#include "kernels/device/reduce.cuh"
#include "kernels/device/vec.cuh"
#include "kernels/launch.h"
#include "planner/step/op/loss.h"

namespace headroom::device {

/// Logits of student and teacher, row by row, and what becomes of them. A target < 0 leaves its
/// token out; one beyond the row lies in another shard of the vocabulary.
template <class T>
struct TaughtRows {
    T* student = nullptr;  ///< becomes the gradient where one is asked for
    std::int64_t student_stride = 0;
    const T* teacher = nullptr;
    std::int64_t teacher_stride = 0;
    const std::int32_t* targets = nullptr;
    float* loss = nullptr;
    bool gradient = false;
    int columns = 0;
    Shaping shaping{};
    Shaping taught{};
    float temperature = 1.0F;
    float weight = 0.0F;
    const StepScalars* scalars = nullptr;
};

/// Of one row, with z the student's shaped logits, u the teacher's and T the temperature. Each sum
/// is of exponentials less the largest exponent.
struct TaughtSums {
    float most = -INFINITY;        ///< z
    float most_shown = -INFINITY;  ///< u
    float hard = 0.0F;             ///< e^z
    float soft = 0.0F;             ///< e^(z / T)
    float shown = 0.0F;            ///< e^(u / T)
    float gap = 0.0F;              ///< e^(u / T) (u - z) / T
};

__device__ __forceinline__ void shrink_student(TaughtSums& sums, float most, float per) {
    sums.hard *= exponential(sums.most - most);
    sums.soft *= exponential((sums.most - most) * per);
    sums.most = most;
}
__device__ __forceinline__ void shrink_teacher(TaughtSums& sums, float most, float per) {
    const float by = exponential((sums.most_shown - most) * per);
    sums.shown *= by;
    sums.gap *= by;
    sums.most_shown = most;
}

/// What a thread sees of a row, which is read once: its sums shrink when the largest value that it
/// has seen grows.
template <class T, int N>
__device__ TaughtSums sums_of_thread(const T* student, const T* teacher,
                                     const TaughtRows<T>& rows) {
    TaughtSums sums;
    const float per = 1.0F / rows.temperature;
    for (int at = thread_rank() * N; at < rows.columns; at += kLogitThreads * N) {
        auto z = load<N>(student + at);
        auto u = load<N>(teacher + at);
        float most = sums.most;
        float most_shown = sums.most_shown;
#pragma unroll
        for (int i = 0; i < N; ++i) {
            const bool inside = at + i < rows.columns;
            z[i] = inside ? rows.shaping(z[i]) : -INFINITY;
            u[i] = inside ? rows.taught(u[i]) : -INFINITY;
            most = fmaxf(most, z[i]);
            most_shown = fmaxf(most_shown, u[i]);
        }
        if (most > sums.most) shrink_student(sums, most, per);
        if (most_shown > sums.most_shown) shrink_teacher(sums, most_shown, per);
        const float base = most > -INFINITY ? most : 0.0F;
        const float base_shown = most_shown > -INFINITY ? most_shown : 0.0F;
#pragma unroll
        for (int i = 0; i < N; ++i) {
            sums.hard += exponential(z[i] - base);
            sums.soft += exponential((z[i] - base) * per);
            const float shown = exponential((u[i] - base_shown) * per);
            sums.shown += shown;
            sums.gap += shown > 0.0F ? shown * (u[i] - z[i]) * per : 0.0F;
        }
    }
    return sums;
}

/// Every thread gets the sums of the whole row; all must call.
template <class T, int N>
__device__ TaughtSums sums_of_row(const T* student, const T* teacher, const TaughtRows<T>& rows) {
    TaughtSums sums = sums_of_thread<T, N>(student, teacher, rows);
    const float per = 1.0F / rows.temperature;
    const float most = block_reduce(sums.most, Maximum{}, -INFINITY);
    const float most_shown = block_reduce(sums.most_shown, Maximum{}, -INFINITY);
    if (sums.most < most) shrink_student(sums, most, per);
    if (sums.most_shown < most_shown) shrink_teacher(sums, most_shown, per);
    float parts[4] = {sums.hard, sums.soft, sums.shown, sums.gap};
    BlockSums<4>{}.reduce(parts);
    return {most, most_shown, parts[0], parts[1], parts[2], parts[3]};
}

/// A thread writes over what it has read.
template <class T, int N>
__device__ void write_taught_gradient(T* student, const T* teacher, int target,
                                      const TaughtSums& sums, const TaughtRows<T>& rows) {
    const float scale = target < 0 ? 0.0F : rows.scalars->gradient_scale;
    const float hard = (1.0F - rows.weight) * scale;
    const float soft = rows.weight * rows.temperature * scale;
    const float per = 1.0F / rows.temperature;
    const float hard_lse = sums.most + logf(sums.hard);
    const float soft_lse = sums.most * per + logf(sums.soft);
    const float shown_lse = sums.most_shown * per + logf(sums.shown);
    for (int at = thread_rank() * N; at < rows.columns; at += kLogitThreads * N) {
        auto z = load<N>(student + at);
        auto u = load<N>(teacher + at);
#pragma unroll
        for (int i = 0; i < N; ++i) {
            const float x = rows.shaping(z[i]);
            const float error = exponential(x - hard_lse) - (at + i == target ? 1.0F : 0.0F);
            const float apart =
                exponential(x * per - soft_lse) - exponential(rows.taught(u[i]) * per - shown_lse);
            const bool kept = target >= 0 && at + i < rows.columns;
            z[i] = kept ? (hard * error + soft * apart) * rows.shaping.slope(x) : 0.0F;
        }
        store<N>(student + at, z);
    }
}

/// Losses of rows, (1 - weight) * cross-entropy + weight * T^2 * KL(teacher || student), and their
/// gradients.
template <class T, int N>
__global__ void __launch_bounds__(kLogitThreads, 2) taught_kernel(TaughtRows<T> rows) {
    const auto r = static_cast<std::int64_t>(blockIdx.x);
    T* const student = rows.student + r * rows.student_stride;
    const T* const teacher = rows.teacher + r * rows.teacher_stride;
    const int target = rows.targets[r];
    const bool here = target >= 0 && target < rows.columns;
    // Before the barriers of the sums, since the gradient lies over it.
    const float correct = here ? rows.shaping(to_float(student[target])) : 0.0F;
    const TaughtSums sums = sums_of_row<T, N>(student, teacher, rows);
    if (thread_rank() == 0) {
        const float t = rows.temperature;
        const float divergence = sums.gap / sums.shown + (sums.most - sums.most_shown) / t +
                                 (logf(sums.soft) - logf(sums.shown));
        const float entropy = (sums.most - correct) + logf(sums.hard);
        rows.loss[r] =
            target < 0 ? 0.0F : (1.0F - rows.weight) * entropy + rows.weight * t * t * divergence;
    }
    if (rows.gradient) write_taught_gradient<T, N>(student, teacher, target, sums, rows);
}

}  // namespace headroom::device
