#include "tests/support/op_case.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <random>
#include <span>

#include "kernels/cpu/number.h"
#include "planner/step/step_scalars.h"
#include "planner/step/tape.h"
#include "runtime/executor.h"
#include "tests/support/catch.h"

namespace headroom::test {
namespace {

using Values = std::vector<double>;

bool is_floating(DType dtype) {
    return dtype == DType::f64 || dtype == DType::f32 || dtype == DType::bf16 ||
           dtype == DType::f16;
}
bool is_loss(const Op& op) {
    return std::holds_alternative<HeadLoss>(op) || std::holds_alternative<CrossEntropy>(op);
}

template <class T>
void put(std::vector<std::byte>& out, T value) {
    const auto bytes = std::as_bytes(std::span(&value, 1));
    out.insert(out.end(), bytes.begin(), bytes.end());
}

void put(std::vector<std::byte>& out, double value, DType dtype) {
    switch (dtype) {
        case DType::f64:
            return put(out, value);
        case DType::f32:
            return put(out, static_cast<float>(value));
        case DType::bf16:
            return put(out, BFloat16(static_cast<float>(value)));
        case DType::f16:
            return put(out, Float16(static_cast<float>(value)));
        case DType::i32:
            return put(out, static_cast<std::int32_t>(value));
        default:
            return put(out, static_cast<std::uint8_t>(value));
    }
}

template <class T>
double get(const std::byte* at) {
    T value;
    std::copy_n(at, sizeof(T), reinterpret_cast<std::byte*>(&value));
    if constexpr (std::is_same_v<T, BFloat16> || std::is_same_v<T, Float16>) {
        return static_cast<double>(static_cast<float>(value));
    } else {
        return static_cast<double>(value);
    }
}

double get(const std::byte* at, DType dtype) {
    switch (dtype) {
        case DType::f64:
            return get<double>(at);
        case DType::f32:
            return get<float>(at);
        case DType::bf16:
            return get<BFloat16>(at);
        case DType::f16:
            return get<Float16>(at);
        case DType::i32:
            return get<std::int32_t>(at);
        default:
            return get<std::uint8_t>(at);
    }
}

double rounded(double value, DType dtype) {
    std::vector<std::byte> bytes;
    put(bytes, value, dtype);
    return get(bytes.data(), dtype);
}

Values draw(const OpInput& input, std::mt19937& random) {
    if (input.fill == Fill::values) return input.values;
    Values out(static_cast<std::size_t>(numel(input.shape)));
    std::normal_distribution<double> normal;
    std::uniform_real_distribution<double> uniform;
    for (auto& value : out) {
        switch (input.fill) {
            case Fill::ids:
                value = std::floor(uniform(random) * static_cast<double>(input.ids_below));
                break;
            case Fill::uniform:
                value = uniform(random);
                break;
            default:
                value = normal(random);
        }
    }
    return out;
}

/// The op, its backward ops and what they read, as a graph that an executor runs.
class Bench {
public:
    Bench(const OpCase& c, DType as, Backend& backend) : case_(c), as_(as), backend_(backend) {
        add_shared();
        std::mt19937 random(c.seed);
        for (const auto& input : c.inputs) {
            values_.push_back(draw(input, random));
            inputs_.push_back(add_input(input));
        }
        const Emitted made = graph_.emit(c.op, inputs_, {"out", 0}, c.phase);
        outputs_.assign(made.begin(), made.end());
        for (const auto id : outputs_) keep(id);
        add_backward(random);
        if (as == DType::f64) widen();
        executor_.emplace(graph_, backend);
    }

    [[nodiscard]] const std::vector<Values>& values() const { return values_; }
    void round_values(DType dtype) {
        for (std::size_t i = 0; i < values_.size(); ++i) {
            if (!is_floating(graph_[inputs_[i]].dtype)) continue;
            for (auto& value : values_[i]) value = rounded(value, dtype);
        }
        for (auto& seed : seeds_) {
            for (auto& value : seed) value = rounded(value, dtype);
        }
    }
    void set_value(std::size_t input, std::size_t element, double value) {
        values_[input][element] = value;
    }
    [[nodiscard]] bool differentiates(std::size_t input) const {
        return graph_[inputs_[input]].needs_gradient;
    }

    /// sum(seed * output), or a loss op's own loss, plus what it adds to the step's loss.
    double objective() {
        forward_only_ = true;
        const OpResult result = run();
        forward_only_ = false;
        double sum = 0.0;
        if (is_loss(case_.op)) {
            for (const double loss : result.outputs[0]) sum += loss;
            sum *= static_cast<double>(case_.scalars.gradient_scale);
        }
        for (std::size_t i = 0; i < seeded_.size(); ++i) {
            const Values& out = result.outputs[seeded_[i]];
            for (std::size_t k = 0; k < out.size(); ++k) sum += seeds_[i][k] * out[k];
        }
        return sum + static_cast<double>(case_.scalars.auxiliary_scale) *
                         executor_->scalars().auxiliary_sum;
    }

    OpResult run() {
        OpResult result;
        for (std::size_t i = 0; i < inputs_.size(); ++i) write(inputs_[i], values_[i]);
        for (std::size_t i = 0; i < seed_ids_.size(); ++i) write(seed_ids_[i], seeds_[i]);
        executor_->observe({.before = {}, .after = [&](std::size_t at) {
                                if (at != 0) return;
                                for (const auto id : outputs_) {
                                    if (!is_scratch(id)) result.outputs.push_back(read(id));
                                }
                            }});
        backend_.take_work();
        executor_->begin_step(case_.scalars);
        executor_->micro_step(0);
        if (case_.phase == Phase::update) executor_->update();
        result.counted = backend_.take_work();
        for (const auto& node : graph_.ops) {
            result.predicted_matrix += work(graph_, node).matrix.count();
        }
        if (forward_only_) return result;
        for (const auto id : gradients_) {
            result.gradients.push_back(id.valid() ? read(id) : Values{});
        }
        return result;
    }

private:
    TensorId add(Shape shape, DType dtype, std::string_view part) {
        Tensor tensor{};
        tensor.shape = shape;
        tensor.dtype = dtype;
        tensor.label = {part, -1};
        tensor.persistent = true;
        return graph_.add(tensor);
    }
    void add_shared() {
        add({kScalars}, DType::f32, "input.scalars");
        add({kMiB}, DType::u8, "gemm.workspace");
    }

    TensorId add_input(const OpInput& input) {
        const DType dtype = input.dtype == DType::f64 ? as_ : input.dtype;
        const bool whole = input.row_stride == 0;
        const std::int64_t wide = whole ? 0 : input.row_stride;
        TensorId id = add(whole ? input.shape : Shape{input.shape[0] + 1, wide}, dtype, "x");
        if (!whole) {
            Tensor view = graph_[id];
            view.shape = input.shape;
            view.storage = id;
            view.row_stride = wide;
            view.offset = Bytes{bytes_of(wide - input.shape[1], dtype)};
            id = graph_.add(view);
        }
        graph_[id].needs_gradient = is_floating(dtype) && !input.frozen;
        if (!input.parameter) return id;
        const TensorId gradient = add(input.shape, dtype, "x.gradient");
        graph_[gradient].role = Role::gradient;
        graph_[id].parameter = {.is_parameter = true, .gradient = gradient};
        return id;
    }

    void keep(TensorId id) { graph_[graph_.storage(id)].persistent = true; }

    void add_backward(std::mt19937& random) {
        gradients_.assign(inputs_.size(), TensorId{});
        if (case_.phase != Phase::forward) return;
        choose_outputs();
        Tape tape(graph_);
        std::normal_distribution<double> normal;
        for (const auto i : seeded_) {
            const Tensor out = graph_[outputs_[i]];
            const TensorId seed = add(out.shape, out.dtype, "seed");
            Values values(static_cast<std::size_t>(numel(out.shape)));
            for (auto& value : values) value = normal(random);
            seeds_.push_back(values);
            seed_ids_.push_back(seed);
            tape.give(outputs_[i], seed);
        }
        tape.run();
        for (std::size_t i = 0; i < inputs_.size(); ++i) {
            const Tensor& input = graph_[inputs_[i]];
            const TensorId found =
                input.parameter.is_parameter ? input.parameter.gradient : tape.gradient(inputs_[i]);
            if (!found.valid() || !input.needs_gradient) continue;
            keep(found);
            gradients_[i] = found;
        }
    }

    /// The chunk of logits of a fused head, the last output, holds what is left of the last tokens.
    [[nodiscard]] bool is_scratch(TensorId id) const {
        return std::holds_alternative<HeadLoss>(case_.op) && graph_[id].role == Role::logits;
    }
    void choose_outputs() {
        if (is_loss(case_.op)) return;
        seeded_ = case_.differentiated;
        if (!seeded_.empty()) return;
        for (std::size_t i = 0; i < outputs_.size(); ++i) {
            const Tensor& out = graph_[outputs_[i]];
            if (is_floating(out.dtype) && out.role == Role::activation) seeded_.push_back(i);
        }
    }

    /// Stats that kernels keep in f32 are kept in f64 where everything else is.
    void widen() {
        for (auto& tensor : graph_.tensors) {
            if (tensor.dtype == DType::f32 && tensor.label.part != "input.scalars") {
                tensor.dtype = DType::f64;
            }
        }
    }

    void write(TensorId id, const Values& values) {
        const TensorView view = executor_->view(id);
        for (std::int64_t row = 0; row < view.rows(); ++row) {
            std::vector<std::byte> bytes;
            for (std::int64_t k = 0; k < view.columns(); ++k) {
                put(bytes, values[static_cast<std::size_t>(row * view.columns() + k)], view.dtype);
            }
            backend_.write(view.data + bytes_of(row * view.stride, view.dtype), bytes, view.place);
        }
    }
    Values read(TensorId id) {
        const TensorView view = executor_->view(id);
        const std::int64_t size = bits(view.dtype) / 8;
        Values out;
        std::vector<std::byte> bytes(static_cast<std::size_t>(view.columns() * size));
        for (std::int64_t row = 0; row < view.rows(); ++row) {
            backend_.read(bytes, view.data + bytes_of(row * view.stride, view.dtype), view.place);
            for (std::int64_t k = 0; k < view.columns(); ++k) {
                out.push_back(get(bytes.data() + k * size, view.dtype));
            }
        }
        return out;
    }

    const OpCase& case_;
    DType as_;
    Backend& backend_;
    StepGraph graph_{};
    std::vector<TensorId> inputs_{};
    std::vector<TensorId> outputs_{};
    std::vector<TensorId> gradients_{};
    std::vector<TensorId> seed_ids_{};
    std::vector<std::size_t> seeded_{};
    std::vector<Values> values_{};
    std::vector<Values> seeds_{};
    std::optional<Executor> executor_{};
    bool forward_only_ = false;
};

double relative_error(const Values& found, const Values& expected) {
    REQUIRE(found.size() == expected.size());
    double difference = 0.0;
    double norm = 0.0;
    for (std::size_t i = 0; i < found.size(); ++i) {
        if (found[i] == expected[i]) continue;  // infinities of one sign among them
        difference += (found[i] - expected[i]) * (found[i] - expected[i]);
    }
    for (const double value : expected) norm += std::isfinite(value) ? value * value : 0.0;
    return difference == 0.0 ? 0.0 : std::sqrt(difference / std::max(norm, 1e-30));
}

}  // namespace

OpInput real(Shape shape) { return {.shape = shape}; }
OpInput parameter(Shape shape) { return {.shape = shape, .parameter = true}; }
OpInput frozen(Shape shape) { return {.shape = shape, .frozen = true}; }
OpInput ids(Shape shape, std::int64_t below) {
    return {.shape = shape, .fill = Fill::ids, .dtype = DType::i32, .ids_below = below};
}
OpInput block(Shape shape, std::int64_t row_stride) {
    return {.shape = shape, .row_stride = row_stride};
}

OpResult run(const OpCase& c, DType as, Backend& backend) { return Bench(c, as, backend).run(); }

OpResult run(const OpCase& c, DType as, const KernelTable& table) {
    const auto backend = make_cpu_backend(table);
    return run(c, as, *backend);
}

void check_gradient(const OpCase& c, double tolerance) {
    const auto backend = make_cpu_backend();
    Bench bench(c, DType::f64, *backend);
    const OpResult analytic = bench.run();
    const auto values = bench.values();
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (!bench.differentiates(i) || analytic.gradients[i].empty()) continue;
        for (std::size_t k = 0; k < values[i].size(); ++k) {
            constexpr double kStep = 1e-5;
            bench.set_value(i, k, values[i][k] + kStep);
            const double above = bench.objective();
            bench.set_value(i, k, values[i][k] - kStep);
            const double below = bench.objective();
            bench.set_value(i, k, values[i][k]);
            const double numeric = (above - below) / (2.0 * kStep);
            const double error = std::abs(analytic.gradients[i][k] - numeric);
            if (error <= tolerance * std::max(1.0, std::abs(numeric))) continue;
            FAIL_CHECK(fmt::format("{}: input {} element {}: gradient {}, by differences {}",
                                   name(c.op), i, k, analytic.gradients[i][k], numeric));
            return;
        }
    }
}

void check_dtypes(const OpCase& c, double slack) {
    struct Row {
        DType dtype;
        double tolerance;
    };
    // Half a unit in the last place of each dtype, grown by the few roundings of one op.
    for (const auto& [dtype, tolerance] :
         {Row{DType::f32, 1e-5}, Row{DType::bf16, 1e-2}, Row{DType::f16, 1.3e-3}}) {
        const auto backend = make_cpu_backend();
        Bench exact(c, DType::f64, *backend);
        exact.round_values(dtype);
        Bench bench(c, dtype, *backend);
        bench.round_values(dtype);
        const OpResult expected = exact.run();
        const OpResult found = bench.run();
        for (std::size_t i = 0; i < expected.outputs.size(); ++i) {
            INFO(name(c.op) << " " << name(dtype) << " output " << i);
            CHECK(relative_error(found.outputs[i], expected.outputs[i]) <= tolerance * slack);
        }
        for (std::size_t i = 0; i < expected.gradients.size(); ++i) {
            INFO(name(c.op) << " " << name(dtype) << " gradient of input " << i);
            CHECK(relative_error(found.gradients[i], expected.gradients[i]) <= tolerance * slack);
        }
    }
}

void check_work(const OpCase& c) {
    const OpResult result = run(c, DType::f32);
    INFO(name(c.op));
    CHECK(static_cast<double>(result.counted.matrix) == result.predicted_matrix);
}

}  // namespace headroom::test
