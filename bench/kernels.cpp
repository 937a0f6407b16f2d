// Every kernel family on one device, op by op, beside a copy of as many bytes:
//   kernels [cpu|cuda] [FILE] [wgmma]   a table, and with FILE the same as JSON; wgmma: attention
//                                       alone, with those kernels
// A rate is what the op declares to move (or to compute) over the median time on the device.

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <random>
#include <vector>

#include "bench/kernel_cases.h"
#include "planner/base/json.h"
#include "planner/base/written_file.h"
#include "planner/step/tape.h"
#include "runtime/executor.h"

namespace headroom {
namespace {

/// A case as a graph with its backward ops.
class Bench {
public:
    Bench(const Case& c, Backend& backend) : backend_(backend) {
        add({{kScalars}, DType::f32}, "input.scalars");
        add({{32 * kMiB}, DType::u8}, "gemm.workspace");
        std::vector<TensorId> inputs;
        for (const auto& input : c.inputs) inputs.push_back(add(input, "x"));
        const auto outputs = emit(c, inputs);
        if (c.phase == Phase::forward) {
            Tape tape(graph_);
            const Tensor out = graph_[outputs[0]];
            if (!std::holds_alternative<HeadLoss>(c.op)) {
                tape.give(outputs[0], add({out.shape, out.dtype}, "dy"));
            }
            tape.run();
        }
        executor_.emplace(graph_, backend);
        for (const auto id : random_) randomize(id);
    }

    [[nodiscard]] const StepGraph& graph() const { return graph_; }

    /// Median time of every op over `rounds` runs.
    std::vector<Seconds> run(int rounds) {
        std::vector<std::vector<Seconds>> times(graph_.ops.size());
        executor_->observe({.before = [&](std::size_t op) { backend_.mark(2 * op); },
                            .after = [&](std::size_t op) { backend_.mark(2 * op + 1); }});
        for (int i = 0; i <= rounds; ++i) {
            executor_->begin_step({.learning_rate = 1e-3F, .clip = 1.0F});
            executor_->micro_step(0);
            executor_->update();
            if (i == 0) continue;  // algorithms are chosen, pages are touched
            for (std::size_t op = 0; op < times.size(); ++op) {
                times[op].push_back(backend_.between(2 * op, 2 * op + 1));
            }
        }
        std::vector<Seconds> medians;
        for (auto& list : times) {
            std::ranges::sort(list);
            medians.push_back(list[list.size() / 2]);
        }
        return medians;
    }

private:
    std::vector<TensorId> emit(const Case& c, const std::vector<TensorId>& inputs) {
        if (c.outputs.empty()) {
            const Emitted made = graph_.emit(c.op, inputs, {"out", 0}, c.phase);
            return {made.begin(), made.end()};
        }
        std::vector<TensorId> outputs;
        for (const auto i : c.outputs) outputs.push_back(inputs[i]);
        OpNode node = graph_.make(c.op, inputs, outputs);
        node.phase = c.phase;
        graph_.ops.push_back(node);
        return outputs;
    }
    TensorId add(const Input& input, std::string_view part) {
        Tensor tensor{};
        tensor.shape = input.shape;
        tensor.dtype = input.dtype;
        tensor.label = {part, -1};
        tensor.persistent = true;
        tensor.needs_gradient = input.dtype != DType::i32;
        const TensorId id = graph_.add(tensor);
        if (part == "x" || part == "dy") random_.push_back(id);
        if (!input.parameter) return id;
        tensor.role = Role::gradient;
        graph_[id].parameter = {.is_parameter = true, .gradient = graph_.add(tensor)};
        return id;
    }

    /// Numbers between -1 and 1: a GPU draws less power, and so runs faster, on zeros.
    void randomize(TensorId id) {
        const TensorView view = executor_->view(id);
        if (view.dtype == DType::i32) return;
        std::mt19937 random(static_cast<unsigned>(id.index));
        const auto size = static_cast<std::size_t>(bytes(view).count());
        std::vector<std::uint16_t> halves(std::min<std::size_t>(size / 2, kDrawn));
        // Sign, an exponent from 2^-8 to 2^-1 and random digits, as bf16; an f32 takes two.
        for (auto& half : halves) {
            const auto bits = static_cast<std::uint32_t>(random());
            half = static_cast<std::uint16_t>((bits & 0x8000U) | ((119U + (bits >> 20 & 7U)) << 7) |
                                              (bits & 0x7FU));
        }
        const auto drawn = std::as_bytes(std::span(halves));
        for (std::size_t at = 0; at < size; at += drawn.size()) {
            const auto part = drawn.first(std::min(drawn.size(), size - at));
            backend_.write(view.data + at, part, view.place);
        }
    }

    static constexpr std::size_t kDrawn = std::size_t{1} << 22;  ///< numbers, then the same again

    Backend& backend_;
    StepGraph graph_{};
    std::vector<TensorId> random_{};
    std::optional<Executor> executor_{};
};

Json measure(const Case& c, Backend& backend, int rounds) {
    Bench bench(c, backend);
    const auto times = bench.run(rounds);
    Json rows = Json::array();
    for (std::size_t i = 0; i < times.size(); ++i) {
        const OpNode& node = bench.graph().ops[i];
        const Work done = work(bench.graph(), node);
        const double seconds = times[i].count();
        rows.push_back({{"case", c.name},
                        {"op", name(node.op)},
                        {"seconds", seconds},
                        {"gb_per_second", done.moved.real() / seconds / 1e9},
                        {"tflops", done.matrix.count() / seconds / 1e12}});
        fmt::print("{:22} {:20} {:10.3f} ms {:9.1f} GB/s {:8.2f} TFLOP/s\n", c.name, name(node.op),
                   seconds * 1e3, done.moved.real() / seconds / 1e9,
                   done.matrix.count() / seconds / 1e12);
    }
    return rows;
}

int run(bool cuda, const char* file, TensorWords words) {
    const auto backend = cuda ? make_cuda_backend(0, words) : make_cpu_backend();
    const Sizes sizes = cuda ? Sizes{16384, 4096, std::int64_t{1} << 28, DType::bf16}
                             : Sizes{2048, 1024, std::int64_t{1} << 25, DType::f32};
    Json document{{"device", backend->describe()}, {"rows", Json::array()}};
    fmt::print("{}\n", backend->describe());
    for (const auto& c : cases(sizes)) {
        if (words == TensorWords::wgmma && !std::holds_alternative<Attention>(c.op)) continue;
        for (auto& row : measure(c, *backend, cuda ? 20 : 5)) document["rows"].push_back(row);
    }
    if (file != nullptr) write_file_atomically(file, document.dump(2) + "\n");
    return EXIT_SUCCESS;
}

}  // namespace
}  // namespace headroom

int main(int argc, char** argv) {
    const bool cuda = argc > 1 && std::string_view(argv[1]) == "cuda";
    try {
        const bool wgmma = argc > 3 && std::string_view(argv[3]) == "wgmma";
        return headroom::run(cuda, argc > 2 ? argv[2] : nullptr,
                             wgmma ? headroom::TensorWords::wgmma : headroom::TensorWords::mma);
    } catch (const std::exception& error) {
        fmt::print(stderr, "kernels: {}\n", error.what());
        return EXIT_FAILURE;
    }
}
