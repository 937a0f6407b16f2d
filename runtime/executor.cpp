#include "runtime/executor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "planner/base/error.h"

namespace headroom {
namespace {

/// Shapes and dtypes of a node's operands, without memory.
std::vector<TensorView> bare_views(const StepGraph& graph, std::span<const TensorId> ids) {
    std::vector<TensorView> views;
    for (const auto id : ids) {
        const Tensor& tensor = graph[id];
        TensorView view{tensor};
        view.place = tensor.place;
        view.stride = tensor.row_stride > 0 ? tensor.row_stride : view.columns();
        views.push_back(view);
    }
    return views;
}

std::string refusal(const StepGraph& graph, const OpNode& node, const KernelTable& table) {
    const KernelRow& row = table[node.op];
    if (row.run == nullptr) return fmt::format("has no kernel for {}", name(node.op));
    if (row.refuses == nullptr) return {};
    const auto in = bare_views(graph, graph.inputs(node));
    const auto out = bare_views(graph, graph.outputs(node));
    return row.refuses(node.op, {.in = in, .out = out, .layer = node.layer});
}

bool runs_in(When when, bool first, bool last) {
    return when == When::every || (when == When::first && first) || (when == When::last && last);
}

bool makes_loss(const Op& op) {
    return std::holds_alternative<HeadLoss>(op) || std::holds_alternative<CrossEntropy>(op);
}

TensorId tensor_named(const StepGraph& graph, std::string_view part) {
    for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
        if (graph.tensors[i].label.part == part) return TensorId{static_cast<std::int32_t>(i)};
    }
    return {};
}

}  // namespace

std::string missing_kernels(const StepGraph& graph, const KernelTable& table) {
    std::map<std::string, std::int64_t> sentences;
    for (const auto& node : graph.ops) {
        if (auto sentence = refusal(graph, node, table); !sentence.empty()) ++sentences[sentence];
    }
    std::string all;
    for (const auto& [sentence, ops] : sentences) {
        all += fmt::format("{}{} ({} ops)", all.empty() ? "" : "; ", sentence, ops);
    }
    return all;
}

bool can_be_recorded(const StepGraph& graph) {
    return std::ranges::none_of(graph.ops, [](const OpNode& node) {
        return std::holds_alternative<GroupedLinear>(node.op) ||
               std::holds_alternative<GroupedGradInput>(node.op) ||
               std::holds_alternative<GroupedGradWeight>(node.op);
    });
}

Executor::Executor(const StepGraph& graph, Backend& backend, ExecutorOptions options)
    : graph_(graph),
      backend_((bind_or_throw(graph, backend), backend)),
      arena_(graph, backend, options.policy, options.poison),
      scalars_(tensor_named(graph, "input.scalars")),
      workspace_(tensor_named(graph, "gemm.workspace")),
      records_(options.launches == Launches::recorded && options.policy == MemoryPolicy::planned &&
               options.poison == Poison::off && can_be_recorded(graph)) {
    for (const auto& node : graph.ops) {
        auto& list = touched_.emplace_back();
        const auto add = [&](TensorId id) {
            const TensorId storage = graph.storage(id);
            if (std::ranges::find(list, storage) == list.end()) list.push_back(storage);
        };
        std::ranges::for_each(graph.inputs(node), add);
        std::ranges::for_each(graph.outputs(node), add);
    }
    for (const auto which :
         {MicroStep::only, MicroStep::first, MicroStep::middle, MicroStep::last}) {
        segment(which) = make_segment(which);
    }
    for (std::size_t at = 0; at < graph.ops.size(); ++at) {
        if (graph.ops[at].phase == Phase::update) {
            update_.ops.push_back(static_cast<std::uint32_t>(at));
        }
    }
    for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
        const TensorId id{static_cast<std::int32_t>(i)};
        const Tensor& tensor = graph.tensors[i];
        if (!tensor.persistent || tensor.storage != id) continue;
        arena_.birth(id, -1);
        backend.fill(arena_.base(id), bytes(tensor), 0, tensor.place);
    }
    readers_.assign(graph.tensors.size(), 0);
    if (!scalars_.valid()) throw InternalError("the graph has no input.scalars");
}

void Executor::bind_or_throw(const StepGraph& graph, const Backend& backend) {
    const std::string missing = missing_kernels(graph, backend.table());
    if (missing.empty()) return;
    throw InputError("", fmt::format("the {} backend cannot run this step: {}",
                                     backend.table().device, missing));
}

/// The last micro-step's values may reach into the update, so both are one segment.
Executor::Segment Executor::make_segment(MicroStep which) const {
    const bool first = which == MicroStep::only || which == MicroStep::first;
    const bool last = which == MicroStep::only || which == MicroStep::last;
    Segment segment{.readers = std::vector<std::int32_t>(graph_.tensors.size(), 0)};
    for (std::size_t at = 0; at < graph_.ops.size(); ++at) {
        const OpNode& node = graph_.ops[at];
        const bool in_micro_step = node.phase != Phase::update && runs_in(node.when, first, last);
        if (in_micro_step) segment.ops.push_back(static_cast<std::uint32_t>(at));
        if (!in_micro_step && !(last && node.phase == Phase::update)) continue;
        for (const auto storage : touched_[at]) {
            ++segment.readers[static_cast<std::size_t>(storage.index)];
        }
    }
    return segment;
}

void Executor::begin_step(const StepScalars& scalars) {
    StepScalars fresh = scalars;
    fresh.loss_sum = 0.0;
    fresh.auxiliary_sum = 0.0;
    backend_.write(arena_.base(scalars_), std::as_bytes(std::span(&fresh, 1)),
                   graph_[scalars_].place);
}

StepScalars Executor::scalars() {
    StepScalars out;
    backend_.read(std::as_writable_bytes(std::span(&out, 1)), arena_.base(scalars_),
                  graph_[scalars_].place);
    return out;
}

void Executor::micro_step(std::int64_t index) {
    const bool first = index == 0;
    const bool last = index == graph_.micro_steps - 1;
    Segment& now = segment(first && last ? MicroStep::only
                           : first       ? MicroStep::first
                           : last        ? MicroStep::last
                                         : MicroStep::middle);
    readers_ = now.readers;
    const auto number = static_cast<std::uint32_t>(index);
    backend_.write(arena_.base(scalars_) + offsetof(StepScalars, micro_step),
                   std::as_bytes(std::span(&number, 1)), graph_[scalars_].place);
    run(now, first);
}

void Executor::update() { run(update_, false); }

void Executor::run(Segment& segment, bool first_micro_step) {
    const bool observed = observer_.before || observer_.after;
    if (records_ && !observed && segment.recording >= 0) {
        backend_.replay(segment.recording);
        run_ops(segment, first_micro_step, Kernels::replayed);
    } else if (records_ && !observed && segment.launched) {
        record(segment, first_micro_step);
    } else {
        run_ops(segment, first_micro_step, Kernels::launched);
        segment.launched = true;
    }
}

void Executor::record(Segment& segment, bool first_micro_step) {
    backend_.begin_capture();
    run_ops(segment, first_micro_step, Kernels::launched);
    segment.recording = backend_.end_capture();
    if (segment.recording < 0) {
        records_ = false;  // this device records nothing, and what was launched has run
    } else {
        backend_.replay(segment.recording);
    }
}

/// Storages come and go as well where their kernels are replayed: who is alive is known here alone.
void Executor::run_ops(const Segment& segment, bool first_micro_step, Kernels kernels) {
    for (const auto at : segment.ops) {
        for (const auto storage : touched_[at]) {
            if (!arena_.alive(storage)) arena_.birth(storage, static_cast<std::int32_t>(at));
        }
        if (kernels == Kernels::launched) launch(at, first_micro_step);
        for (const auto storage : touched_[at]) {
            std::int32_t& left = readers_[static_cast<std::size_t>(storage.index)];
            if (--left == 0 && !graph_[storage].persistent) arena_.death(storage);
        }
    }
}

void Executor::launch(std::size_t at, bool first_micro_step) {
    const OpNode& node = graph_.ops[at];
    views_.clear();
    for (const auto id : graph_.inputs(node)) views_.push_back(view(id));
    for (const auto id : graph_.outputs(node)) views_.push_back(view(id));
    const std::span<const TensorView> all(views_);
    auto* scalars = reinterpret_cast<StepScalars*>(arena_.base(scalars_));
    if (observer_.before) observer_.before(at);
    backend_.launch(node.op, {.in = all.first(node.in_count),
                              .out = all.subspan(node.in_count),
                              .workspace = workspace_.valid() ? view(workspace_) : TensorView{},
                              .scalars = scalars,
                              .results = scalars,
                              .layer = node.layer,
                              .first_micro_step = first_micro_step});
    if (observer_.after) observer_.after(at);
    if (makes_loss(node.op)) backend_.add_loss(views_[node.in_count], scalars);
}

TensorView Executor::view(TensorId id) const {
    const Tensor& tensor = graph_[id];
    TensorView view{tensor};
    view.data = arena_.base(tensor.storage) + tensor.offset.count();
    view.stride = tensor.row_stride > 0 ? tensor.row_stride : view.columns();
    view.place = tensor.place;
    return view;
}

void Executor::write(TensorId id, std::span<const std::byte> data) {
    const TensorView to = view(id);
    if (!to.contiguous() || static_cast<std::int64_t>(data.size()) != bytes(to).count()) {
        throw InternalError(
            fmt::format("{}: {} bytes do not fill it", to_string(graph_[id].label), data.size()));
    }
    backend_.write(to.data, data, to.place);
}

void Executor::read(TensorId id, std::span<std::byte> data) {
    const TensorView from = view(id);
    if (!from.contiguous() || static_cast<std::int64_t>(data.size()) != bytes(from).count()) {
        throw InternalError(
            fmt::format("{}: {} bytes do not hold it", to_string(graph_[id].label), data.size()));
    }
    backend_.read(data, from.data, from.place);
}

}  // namespace headroom
