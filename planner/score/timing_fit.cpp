#include "planner/score/timing_fit.h"

#include <fmt/format.h>

#include <Eigen/Cholesky>
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

namespace headroom {
namespace {

/// Relative error beyond which a row is taken for one that something else explains.
constexpr double kSoft = 0.07;
/// Cost of a number at the end of its range, in rows' errors: of a family or one without, and of a
/// kind that leans on its family.
constexpr double kPull = 0.2;
constexpr double kFamilyPull = 0.1;
/// Rows of a group count n^(-kCrowd) each.
constexpr double kCrowd = 0.1;
constexpr int kRounds = 200;
constexpr int kTries = 8;
constexpr double kSettled = 1e-6;

using Vector = Eigen::VectorXd;
using Matrix = Eigen::MatrixXd;

/// Numbers of one kind of GPU or one framework (or a family of them) within the vector of all.
struct Set {
    std::string name{};
    bool of_gpu = true;
    Eigen::Index first = 0;
};

struct FitRow {
    const ScoredRow* row = nullptr;
    double weight = 1.0;
    Eigen::Index gpu = 0;
    Eigen::Index framework = 0;
};

constexpr Eigen::Index kRowNumbers = kGpuNumbers + kFrameworkNumbers;

class Fitter {
public:
    Fitter(const ScoredRows& rows, const std::function<bool(const ScoredRow&)>& uses) {
        std::map<std::string, double> crowd;
        for (const auto& row : rows.scored) {
            if (row.step && uses(row)) crowd[row.row->group] += 1.0;
        }
        for (const auto& row : rows.scored) {
            if (!row.step || !uses(row)) continue;
            const std::string framework(row.expressed.engine->framework);
            FitRow fit{.row = &row, .weight = std::pow(crowd[row.row->group], -kCrowd)};
            fit.gpu = set_of(gpu_kind(row), true);
            fit.framework = set_of(framework, false);
            told_[{gpu_kind(row), true}].add(row.row->group);
            told_[{framework, false}].add(row.row->group);
            rows_.push_back(fit);
        }
    }

    TimingProfile run(const TimingProfile& start) {
        Vector x = first_guess(start);
        double lambda = 1e-2;
        double cost = cost_of(x);
        for (int round = 0; round < kRounds; ++round) {
            const Slope slope = slope_at(x);
            const double before = cost;
            for (int attempt = 0; attempt < kTries; ++attempt, lambda *= 4.0) {
                const Vector next = moved(x, slope, lambda);
                const double now = cost_of(next);
                if (now >= cost) continue;
                x = next;
                cost = now;
                lambda = std::max(lambda / 5.0, 1e-7);
                break;
            }
            if (before - cost < kSettled * before) break;
        }
        return profile_of(x);
    }

private:
    struct Slope {
        Vector gradient;
        Matrix curvature;
    };
    struct Told {
        std::size_t rows = 0;
        std::set<std::string> groups{};
        void add(const std::string& group) {
            ++rows;
            groups.insert(group);
        }
    };

    /// First number of that set; its family is made with it.
    Eigen::Index set_of(const std::string& name, bool of_gpu) {
        for (const auto& set : sets_) {
            if (set.name == name && set.of_gpu == of_gpu) return set.first;
        }
        const std::string family(of_gpu ? gpu_family(name) : framework_family(name));
        const Eigen::Index parent = family.empty() ? -1 : set_of(family, of_gpu);
        const auto first = static_cast<Eigen::Index>(ranges_.size());
        const std::size_t count = of_gpu ? kGpuNumbers : kFrameworkNumbers;
        for (std::size_t i = 0; i < count; ++i) {
            ranges_.push_back(of_gpu ? range_of(static_cast<GpuNumber>(i))
                                     : range_of(static_cast<FrameworkNumber>(i)));
            parents_.push_back(parent < 0 ? -1 : parent + static_cast<Eigen::Index>(i));
        }
        sets_.push_back({name, of_gpu, first});
        return first;
    }

    [[nodiscard]] static GpuTiming gpu_at(const Vector& x, Eigen::Index first) {
        GpuTiming timing{};
        std::copy_n(x.data() + first, timing.size(), timing.begin());
        return timing;
    }
    [[nodiscard]] static FrameworkTiming framework_at(const Vector& x, Eigen::Index first) {
        FrameworkTiming timing{};
        std::copy_n(x.data() + first, timing.size(), timing.begin());
        return timing;
    }

    [[nodiscard]] Vector first_guess(const TimingProfile& start) const {
        Vector x(static_cast<Eigen::Index>(ranges_.size()));
        for (const auto& set : sets_) {
            const GpuTiming gpu = start.gpu(set.name);
            const FrameworkTiming framework = start.framework(set.name);
            if (set.of_gpu) {
                std::ranges::copy(gpu, x.data() + set.first);
            } else {
                std::ranges::copy(framework, x.data() + set.first);
            }
        }
        return x;
    }

    [[nodiscard]] double log_error(const FitRow& fit, const GpuTiming& gpu,
                                   const FrameworkTiming& framework) const {
        const double seconds = step_seconds(*fit.row->step, gpu, framework);
        return std::log(seconds / fit.row->seconds->measured);
    }

    /// Half-width of a number's range on the side that it lies on.
    [[nodiscard]] double side(Eigen::Index i, double value) const {
        const NumberRange& range = ranges_[static_cast<std::size_t>(i)];
        const double width =
            value < range.prior ? range.prior - range.low : range.high - range.prior;
        return std::max(width, 1e-9);
    }
    [[nodiscard]] double half_range(Eigen::Index i) const {
        const NumberRange& range = ranges_[static_cast<std::size_t>(i)];
        return 0.5 * (range.high - range.low);
    }

    [[nodiscard]] double cost_of(const Vector& x) const {
        double sum = 0.0;
        for (const auto& fit : rows_) {
            const double e = log_error(fit, gpu_at(x, fit.gpu), framework_at(x, fit.framework));
            sum += fit.weight * kSoft * std::log1p(e * e / (kSoft * kSoft));
        }
        for (Eigen::Index i = 0; i < x.size(); ++i) {
            const Eigen::Index parent = parents_[static_cast<std::size_t>(i)];
            const double away =
                parent < 0 ? (x[i] - ranges_[static_cast<std::size_t>(i)].prior) / side(i, x[i])
                           : (x[i] - x[parent]) / half_range(i);
            sum += (parent < 0 ? kPull : kFamilyPull) * away * away;
        }
        return sum;
    }

    /// Derivatives of a row's logarithm by its own numbers, one sided.
    [[nodiscard]] std::array<double, kRowNumbers> row_slope(const FitRow& fit, const Vector& x,
                                                            double here) const {
        constexpr double kStep = 1e-5;
        std::array<double, kRowNumbers> slope{};
        GpuTiming gpu = gpu_at(x, fit.gpu);
        FrameworkTiming framework = framework_at(x, fit.framework);
        const auto probe = [&](double& value, Eigen::Index index) {
            const NumberRange& range = ranges_[static_cast<std::size_t>(index)];
            double step = kStep * (range.high - range.low);
            if (value + step > range.high) step = -step;
            const double kept = value;
            value += step;
            const double there = log_error(fit, gpu, framework);
            value = kept;
            return (there - here) / step;
        };
        for (std::size_t i = 0; i < kGpuNumbers; ++i) {
            slope[i] = probe(gpu[i], fit.gpu + static_cast<Eigen::Index>(i));
        }
        for (std::size_t i = 0; i < kFrameworkNumbers; ++i) {
            slope[kGpuNumbers + i] =
                probe(framework[i], fit.framework + static_cast<Eigen::Index>(i));
        }
        return slope;
    }

    [[nodiscard]] static Eigen::Index place(const FitRow& fit, Eigen::Index i) {
        constexpr auto kGpu = static_cast<Eigen::Index>(kGpuNumbers);
        return i < kGpu ? fit.gpu + i : fit.framework + i - kGpu;
    }

    [[nodiscard]] Slope slope_at(const Vector& x) const {
        const Eigen::Index n = x.size();
        Slope out{Vector::Zero(n), Matrix::Zero(n, n)};
        for (const auto& fit : rows_) {
            const double e = log_error(fit, gpu_at(x, fit.gpu), framework_at(x, fit.framework));
            const auto slope = row_slope(fit, x, e);
            const double weight = fit.weight * 2.0 / kSoft / (1.0 + e * e / (kSoft * kSoft));
            for (Eigen::Index i = 0; i < kRowNumbers; ++i) {
                const double here = weight * slope[static_cast<std::size_t>(i)];
                out.gradient[place(fit, i)] += here * e;
                for (Eigen::Index j = 0; j < kRowNumbers; ++j) {
                    out.curvature(place(fit, i), place(fit, j)) +=
                        here * slope[static_cast<std::size_t>(j)];
                }
            }
        }
        add_pulls(x, out);
        return out;
    }

    void add_pulls(const Vector& x, Slope& out) const {
        for (Eigen::Index i = 0; i < x.size(); ++i) {
            const Eigen::Index parent = parents_[static_cast<std::size_t>(i)];
            const double width = parent < 0 ? side(i, x[i]) : half_range(i);
            const double stiff = 2.0 * (parent < 0 ? kPull : kFamilyPull) / (width * width);
            const double target =
                parent < 0 ? ranges_[static_cast<std::size_t>(i)].prior : x[parent];
            out.gradient[i] += stiff * (x[i] - target);
            out.curvature(i, i) += stiff;
            if (parent < 0) continue;
            out.gradient[parent] -= stiff * (x[i] - target);
            out.curvature(parent, parent) += stiff;
            out.curvature(i, parent) -= stiff;
            out.curvature(parent, i) -= stiff;
        }
    }

    /// One damped step; numbers at the end of their range that would leave it stay.
    [[nodiscard]] Vector moved(const Vector& x, const Slope& slope, double lambda) const {
        std::vector<Eigen::Index> free;
        for (Eigen::Index i = 0; i < x.size(); ++i) {
            const NumberRange& range = ranges_[static_cast<std::size_t>(i)];
            const bool stuck = (x[i] <= range.low && slope.gradient[i] > 0.0) ||
                               (x[i] >= range.high && slope.gradient[i] < 0.0);
            if (!stuck) free.push_back(i);
        }
        Matrix curvature = slope.curvature(free, free);
        curvature.diagonal() *= 1.0 + lambda;
        const Vector step = curvature.llt().solve(slope.gradient(free));
        Vector next = x;
        for (std::size_t k = 0; k < free.size(); ++k) {
            const NumberRange& range = ranges_[static_cast<std::size_t>(free[k])];
            next[free[k]] =
                std::clamp(x[free[k]] - step[static_cast<Eigen::Index>(k)], range.low, range.high);
        }
        return next;
    }

    [[nodiscard]] TimingProfile profile_of(const Vector& x) const {
        TimingProfile profile;
        for (const auto& set : sets_) {
            if (set.of_gpu) {
                profile.gpus[set.name] = gpu_at(x, set.first);
            } else {
                profile.frameworks[set.name] = framework_at(x, set.first);
            }
        }
        for (const auto& [key, told] : told_) {
            std::string groups;
            for (const auto& group : told.groups) groups += (groups.empty() ? "" : ", ") + group;
            profile.fitted_on[key.first] = fmt::format("{} rows of {}", told.rows, groups);
        }
        return profile;
    }

    std::vector<Set> sets_{};
    std::vector<NumberRange> ranges_{};
    std::vector<Eigen::Index> parents_{};  ///< the family's number, by number; -1: the prior
    std::vector<FitRow> rows_{};
    std::map<std::pair<std::string, bool>, Told> told_{};
};

}  // namespace

std::uint64_t model_number(const ScoredRow& row) {
    std::uint64_t hash = 1469598103934665603ULL;  // FNV-1a
    for (const char c : row.row->model_name) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
    }
    return hash >> 7U;
}

std::string gpu_kind(const ScoredRow& row) {
    const std::string& key = row.row->gpu_key;
    const HardwareProfile& gpu = row.expressed.request.hardware.profile;
    constexpr std::array<std::string_view, 3> kOneKind{"GA100", "GV100", "GH100"};
    const bool shared = std::ranges::find(kOneKind, std::string_view(gpu.chip)) != kOneKind.end();
    if (shared && !key.starts_with("h100-96")) return gpu.chip;
    return key.empty() ? gpu.id : key;
}

double predicted_seconds(const ScoredRow& row, const TimingProfile& profile) {
    const std::string framework(row.expressed.engine->framework);
    return step_seconds(*row.step, profile.gpu(gpu_kind(row)), profile.framework(framework));
}

TimingProfile fit_timing(const ScoredRows& rows, const std::function<bool(const ScoredRow&)>& uses,
                         const TimingProfile& start) {
    return Fitter(rows, uses).run(start);
}

}  // namespace headroom
