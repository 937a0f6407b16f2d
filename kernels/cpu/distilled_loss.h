#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "kernels/cpu/logits.h"
#include "planner/step/op/loss.h"

namespace headroom {

/// What a distilled loss needs of a token's logits, in one pass: sums of exponentials of the
/// student's (hard), of the student's over the temperature (soft) and of the teacher's over the
/// temperature (shown), and the sum of the last, each times how far it lies above the soft one.
template <class R>
struct DistilledSums {
    ExponentialSum<R> hard{};
    ExponentialSum<R> soft{};
    ExponentialSum<R> shown{};
    double gap = 0.0;
};
/// Adds shaped logits z of the student and u of the teacher; both are divided by the temperature.
void add(std::int64_t count, float temperature, float* z, float* u, DistilledSums<float>& to);
void add(std::int64_t count, double temperature, double* z, double* u, DistilledSums<double>& to);

/// What makes gradients of the student's shaped logits.
template <class R>
struct DistilledSlope {
    R hard_lse{};
    R soft_lse{};
    R shown_lse{};
    R temperature{};
    R hard{};  ///< factor of cross-entropy's part
    R soft{};  ///< factor of the divergence's part
    R cap{};
};
/// Shaped logits z -> (hard * (softmax(z) - hit) + soft * (softmax(z / T) - softmax(u / T))) *
/// (1 - (z / cap)^2), with the teacher's u.
void differentiate(std::int64_t count, const DistilledSlope<float>& slope, float hit,
                   const float* u, float* z);
void differentiate(std::int64_t count, const DistilledSlope<double>& slope, double hit,
                   const double* u, double* z);

template <class R>
double log_of(const ExponentialSum<R>& sum) {
    return static_cast<double>(sum.largest) + std::log(sum.sum);
}

/// A token's logits by the student and by its teacher.
template <class T>
struct TaughtRow {
    Row<T> student{};
    Row<T> teacher{};
};

template <class T>
DistilledSums<Compute<T>> sums_of(const TaughtRow<T>& row, const Distillation& distill) {
    using R = Compute<T>;
    std::array<R, kLogitBlock> z{};
    std::array<R, kLogitBlock> u{};
    DistilledSums<R> sums;
    for (std::int64_t first = 0; first < row.student.columns; first += kLogitBlock) {
        const std::int64_t count = std::min(kLogitBlock, row.student.columns - first);
        row.student.read(first, count, z.data());
        row.teacher.read(first, count, u.data());
        add(count, static_cast<R>(distill.temperature), z.data(), u.data(), sums);
    }
    return sums;
}

/// (1 - weight) * cross-entropy + weight * T^2 * KL(teacher || student).
template <class T>
double loss_of(const TaughtRow<T>& row, const Distillation& distill,
               const DistilledSums<Compute<T>>& sums) {
    const Row<T>& student = row.student;
    if (student.target < 0) return 0.0;
    Compute<T> logit{};
    if (student.has_target()) student.read(student.target, 1, &logit);
    const double divergence = sums.gap / sums.shown.sum + log_of(sums.soft) - log_of(sums.shown);
    return (1.0 - distill.weight) * (log_of(sums.hard) - static_cast<double>(logit)) +
           distill.weight * distill.temperature * distill.temperature * divergence;
}

/// The loss' gradient times `scale`, over the student's logits.
template <class T>
void write_gradient(const TaughtRow<T>& row, const Distillation& distill,
                    const DistilledSums<Compute<T>>& sums, Compute<T> scale) {
    using R = Compute<T>;
    const Row<T>& student = row.student;
    if (student.target < 0) {
        std::fill_n(student.logits, student.columns, store<T>(R{0}));
        return;
    }
    const double factor = static_cast<double>(student.shaping.scale) * static_cast<double>(scale);
    const DistilledSlope<R> slope{
        .hard_lse = static_cast<R>(log_of(sums.hard)),
        .soft_lse = static_cast<R>(log_of(sums.soft)),
        .shown_lse = static_cast<R>(log_of(sums.shown)),
        .temperature = static_cast<R>(distill.temperature),
        .hard = static_cast<R>((1.0 - distill.weight) * factor),
        .soft = static_cast<R>(distill.weight * distill.temperature * factor),
        .cap = student.shaping.cap};
    std::array<R, kLogitBlock> z{};
    std::array<R, kLogitBlock> u{};
    for (std::int64_t first = 0; first < student.columns; first += kLogitBlock) {
        const std::int64_t count = std::min(kLogitBlock, student.columns - first);
        student.read(first, count, z.data());
        row.teacher.read(first, count, u.data());
        const std::int64_t target = student.target - first;
        const bool here = target >= 0 && target < count;
        R at_target = here ? z[static_cast<std::size_t>(target)] : R{};
        differentiate(count, slope, R{0}, u.data(), z.data());
        if (here) {
            differentiate(1, slope, R{1}, u.data() + target, &at_target);
            z[static_cast<std::size_t>(target)] = at_target;
        }
        store_run(z.data(), count, student.logits + first);
    }
}

}  // namespace headroom
