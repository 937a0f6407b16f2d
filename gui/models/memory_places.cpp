#include "gui/models/memory_places.h"

namespace headroom::gui {
namespace {

std::vector<CategoryRow> rows_of(const MemoryBreakdown& device, Bytes capacity) {
    std::vector<CategoryRow> rows;
    const auto add = [&](std::string_view name, Bytes bytes) {
        if (bytes > Bytes{}) rows.push_back({text(name), bytes, capacity, {}});
    };
    for (std::size_t i = 0; i < kRoles; ++i) add(kRoleNames[i], device.by_role[i]);
    add("reserved", device.reserved);
    return rows;
}

void add_node_part(std::vector<MemoryPlace>& places, const QString& name, Bytes bytes,
                   Bytes capacity, const QString& holds) {
    if (bytes <= Bytes{}) return;
    places.push_back({name, {{holds, bytes, capacity, {}}}, capacity});
}

}  // namespace

Bytes MemoryPlace::total() const {
    Bytes sum{};
    for (const auto& row : rows) sum += row.bytes;
    return sum;
}

std::vector<MemoryPlace> memory_places(const Plan& plan, const std::vector<PeakCategory>& peak) {
    constexpr std::size_t kMostRanks = 8;
    const auto& predicted = plan.predicted;
    std::vector<MemoryPlace> places;
    const bool staged = predicted.stages.size() > 1;
    places.push_back({staged
                          ? QObject::tr("Stage %1, fullest").arg(predicted.worst_rank().stage + 1)
                          : QObject::tr("Each GPU"),
                      category_rows(plan, peak), predicted.capacity});
    for (std::size_t i = 0; i < predicted.stages.size() && places.size() < kMostRanks; ++i) {
        if (i == predicted.worst) continue;
        places.push_back({QObject::tr("Stage %1").arg(i + 1),
                          rows_of(predicted.stages[i].device, predicted.capacity),
                          predicted.capacity});
    }
    if (const auto more = predicted.stages.size() - places.size(); more > 0) {
        places.push_back({QObject::tr("%1 more stages").arg(more), {}, {}});
    }
    add_node_part(places, QObject::tr("Host, a node"), predicted.host_node, predicted.host_capacity,
                  QObject::tr("host memory"));
    add_node_part(places, QObject::tr("NVMe, a node"), predicted.nvme_node, predicted.nvme_capacity,
                  QObject::tr("drives"));
    return places;
}

}  // namespace headroom::gui
