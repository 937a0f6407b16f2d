#include "planner/technique/activation_offload.h"

#include <algorithm>
#include <array>
#include <map>

#include "planner/technique/insertions.h"

namespace headroom {
namespace {

/// Where a storage is made, last touched by the forward pass, and first read by the backward pass.
struct Saved {
    std::size_t last_forward = 0;
    std::size_t first_backward = 0;
    bool made_forward = false;
    bool read_backward = false;
};

class Offloader {
public:
    explicit Offloader(Lowering& lowering) : graph_(lowering.graph) {
        const auto first = std::ranges::find_if(
            graph_.ops, [](const OpNode& node) { return node.phase != Phase::forward; });
        forward_ = static_cast<std::size_t>(first - graph_.ops.begin());
        blocks();
        collect();
    }

    void run() {
        for (std::size_t i = 0; i < saved_.size(); ++i) {
            if (moves(i)) move(TensorId{static_cast<std::int32_t>(i)}, saved_[i]);
        }
        insertions_.merge_into(graph_);
    }

private:
    void blocks() {
        block_begin_.resize(graph_.ops.size());
        std::size_t begin = 0;
        for (std::size_t at = 0; at < graph_.ops.size(); ++at) {
            if (at > 0 && graph_.ops[at].layer != graph_.ops[at - 1].layer) begin = at;
            block_begin_[at] = begin;
        }
    }

    void collect() {
        saved_.resize(graph_.tensors.size());
        for (std::size_t at = 0; at < graph_.ops.size(); ++at) {
            const auto touch = [&](TensorId id) {
                Saved& saved = saved_[static_cast<std::size_t>(graph_.storage(id).index)];
                if (at < forward_) {
                    saved.made_forward |= graph_.ops[at].layer >= 0;
                    saved.last_forward = at;
                } else if (!saved.read_backward) {
                    saved.read_backward = true;
                    saved.first_backward = at;
                }
            };
            for (const auto id : graph_.inputs(graph_.ops[at])) touch(id);
            for (const auto id : graph_.outputs(graph_.ops[at])) touch(id);
        }
    }

    [[nodiscard]] bool moves(std::size_t i) const {
        const Tensor& tensor = graph_.tensors[i];
        const Saved& saved = saved_[i];
        return saved.made_forward && saved.read_backward && !tensor.persistent &&
               tensor.storage.index == static_cast<std::int32_t>(i) &&
               tensor.role == Role::activation && bytes(tensor) >= kSmallestOffload &&
               block_begin_[saved.first_backward] > end_of_block(saved.last_forward) + 1;
    }

    [[nodiscard]] std::size_t end_of_block(std::size_t at) const {
        while (at + 1 < graph_.ops.size() && block_begin_[at + 1] == block_begin_[at]) ++at;
        return at;
    }

    void move(TensorId id, const Saved& saved) {
        Tensor host = graph_[id];
        host.place = Place::host;
        host.storage = TensorId{};
        const TensorId away = graph_.add(host);
        Tensor copy = graph_[id];
        copy.storage = TensorId{};
        const TensorId back = graph_.add(copy);
        // All bytes as they are at the end, whichever ops wrote them under which names.
        Tensor whole = graph_[id];
        whole.storage = id;
        const TensorId source = graph_.add(whole);

        const std::size_t leave = saved.last_forward + 1;
        const std::size_t left =
            std::min(end_of_block(std::min(leave, graph_.ops.size() - 1)) + 1, forward_);
        const std::size_t need = block_begin_[saved.first_backward];
        const std::size_t ahead = std::max(block_begin_[need - 1], forward_);
        put(leave, Transfer{.to = Place::host, .from = Place::device}, {source}, {away});
        put(std::max(left, leave), Wait{}, {source, away}, {});
        put(ahead, Transfer{.to = Place::device, .from = Place::host}, {away}, {back});
        put(need, Wait{}, {away, back}, {});
        redirect(id, back, saved.first_backward);
    }

    void put(std::size_t at, Op op, std::initializer_list<TensorId> in,
             std::initializer_list<TensorId> out) {
        const std::size_t beside = std::min(at, graph_.ops.size() - 1);
        OpNode node = graph_.make(std::move(op), std::span(in.begin(), in.size()),
                                  std::span(out.begin(), out.size()));
        node.layer = graph_.ops[beside].layer;
        node.phase = at < forward_ || (at == forward_ && in.size() == 2 && out.size() == 0)
                         ? Phase::forward
                         : graph_.ops[beside].phase;
        insertions_.before(at, node);
    }

    /// The backward pass reads the copy that came back.
    void redirect(TensorId storage, TensorId back, std::size_t from) {
        std::map<TensorId, TensorId> view;
        for (std::size_t at = from; at < graph_.ops.size(); ++at) {
            const auto change = [&](TensorId& id) {
                if (graph_.storage(id) != storage) return;
                TensorId& copy = view[id];
                if (!copy.valid() && id == storage) copy = back;
                if (!copy.valid()) {
                    Tensor part = graph_[id];
                    part.storage = back;
                    copy = graph_.add(part);
                }
                id = copy;
            };
            for (auto& id : graph_.inputs(graph_.ops[at])) change(id);
            for (auto& id : graph_.outputs(graph_.ops[at])) change(id);
        }
    }

    StepGraph& graph_;
    std::size_t forward_ = 0;
    std::vector<std::size_t> block_begin_{};
    std::vector<Saved> saved_{};
    Insertions insertions_{};
};

}  // namespace

void offload_activations(Lowering& lowering) { Offloader(lowering).run(); }

}  // namespace headroom
