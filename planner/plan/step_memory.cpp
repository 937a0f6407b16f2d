#include "planner/plan/step_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "planner/lower/lower.h"
#include "planner/plan/estimate.h"

namespace headroom {
namespace {

constexpr std::size_t kFormulaTerms = 3;

/// Tensors of a role and a model that are alike apart from their layer count as one item.
using ItemKey = std::tuple<std::string_view, bool, std::string, DType, bool>;

/// What is alive during one op, by role.
class PeakInventory {
public:
    void add(const Tensor& tensor) {
        const ItemKey key{tensor.label.part, tensor.label.gradient, to_string(Shape(tensor.shape)),
                          tensor.dtype, is_teacher(tensor.label.layer)};
        auto& item = items_[static_cast<std::size_t>(tensor.role)][key];
        ++item.count;
        item.bytes += storage_size(tensor);
    }

    /// The items of a role, largest first.
    [[nodiscard]] std::vector<PeakItem> of(std::size_t role) const {
        std::vector<PeakItem> out;
        for (const auto& [key, item] : items_[role]) {
            const auto& [part, gradient, shape, dtype, teacher] = key;
            const Label label{part, teacher ? teacher_layer(-1) : -1, gradient};
            out.push_back({to_string(label), shape, name(dtype), item.count, item.bytes});
        }
        std::ranges::stable_sort(out, std::greater{}, &PeakItem::bytes);
        return out;
    }

private:
    struct Item {
        std::int64_t count = 0;
        Bytes bytes{};
    };
    std::array<std::map<ItemKey, Item>, kRoles> items_{};
};

PeakInventory inventory(const StepGraph& graph, const std::vector<Lifetime>& lives,
                        std::size_t op) {
    const auto at = static_cast<std::int32_t>(op);
    PeakInventory out;
    for (std::size_t i = 0; i < graph.tensors.size(); ++i) {
        const Tensor& tensor = graph.tensors[i];
        const bool alive = lives[i].first >= 0 && lives[i].first <= at && at <= lives[i].last;
        const bool root = tensor.storage.index == static_cast<std::int32_t>(i);
        if (alive && root && tensor.place == Place::device) out.add(tensor);
    }
    return out;
}

std::string formula_of(const std::vector<PeakItem>& items) {
    std::string out;
    for (std::size_t i = 0; i < std::min(items.size(), kFormulaTerms); ++i) {
        const auto& item = items[i];
        out += fmt::format("{}{} x {} {} {}", i == 0 ? "" : " + ", item.count, item.part,
                           item.shape, item.dtype);
    }
    if (items.size() > kFormulaTerms) {
        out += fmt::format(" + {} more kinds", items.size() - kFormulaTerms);
    }
    return out;
}

/// A part that no tensor of the graph accounts for.
void add_part(PeakCategory& category, std::string part, std::int64_t count, Bytes bytes) {
    if (bytes <= Bytes{}) return;
    category.formula +=
        fmt::format("{}{} {}", category.formula.empty() ? "" : " + ", part, to_string(bytes));
    category.items.push_back({std::move(part), "", "", count, bytes});
}

/// Bytes of a role at the peak of the graph, and what the rank has of it beyond one micro-batch.
PeakCategory role_category(Bytes bytes, const RankMemory& rank, std::size_t role,
                           std::vector<PeakItem> items, const PlanRequest& request) {
    PeakCategory out{.name = kRoleNames[role], .bytes = bytes};
    out.items = std::move(items);
    out.formula = formula_of(out.items);
    Bytes rest = out.bytes;
    for (const auto& item : out.items) rest -= item.bytes;
    if (role == static_cast<std::size_t>(Role::communication)) {
        const Bytes buffers = outside_memory(request).communicators;
        add_part(out, "buffers of communicators", communicators(request.layout), buffers);
        rest -= buffers;
    }
    add_part(out, fmt::format("kept for {:g} more micro-batches", rank.in_flight - 1.0), 1, rest);
    return out;
}

PeakCategory reserved(const RankMemory& rank, const PlanRequest& request) {
    PeakCategory out{.name = "reserved", .bytes = rank.device.reserved};
    const Bytes context = outside_memory(request).context;
    add_part(out, "context and code of " + request.hardware.profile.id, 1, context);
    add_part(out, "gaps between tensors", 1, out.bytes - context);
    return out;
}

}  // namespace

StepMemory step_memory(const Plan& plan) {
    const Stage stage = stage_of(plan.request, plan.predicted.worst_rank().stage);
    StepMemory out{.graph = lower(plan.request, stage, false).graph};
    out.lives = lifetimes(out.graph);
    out.device = memory_timeline(out.graph, out.lives, Place::device);
    out.peak = peak(out.device);
    return out;
}

std::vector<PeakCategory> alive_at(const Plan& plan, const StepMemory& step, std::size_t op) {
    const auto& rank = plan.predicted.worst_rank();
    const auto found = inventory(step.graph, step.lives, op);
    std::vector<PeakCategory> out;
    for (std::size_t role = 0; role < kRoles; ++role) {
        const Bytes bytes = step.device.at[op][role] + step.beside(rank, role);
        if (bytes == Bytes{}) continue;
        out.push_back(role_category(bytes, rank, role, found.of(role), plan.request));
    }
    out.push_back(reserved(rank, plan.request));
    return out;
}

}  // namespace headroom
