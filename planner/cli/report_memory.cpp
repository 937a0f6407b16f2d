#include <fmt/format.h>

#include <array>

#include "planner/cli/report.h"
#include "planner/cli/table.h"

namespace headroom::cli {
namespace {

constexpr std::size_t kBarWidth = 20;

struct Meaning {
    std::string_view category{};
    std::string_view text{};
};
constexpr std::array kMeanings{
    Meaning{"parameters", "the model's weights"},
    Meaning{"master", "fp32 weights that the optimizer updates"},
    Meaning{"gradients", "kept until the update"},
    Meaning{"optimizer", "the optimizer's own states (moments)"},
    Meaning{"activations", "results of forward that backward reads"},
    Meaning{"logits", "scores over the vocabulary, loss"},
    Meaning{"workspace", "scratch memory of kernels"},
    Meaning{"communication", "buffers of collectives"},
    Meaning{"reserved", "driver context, code, gaps"},
};

void add_category(Table& table, std::string_view category, Bytes bytes, Bytes capacity) {
    if (bytes == Bytes{}) return;
    const double share = bytes / capacity;
    table.add({std::string(category), gib(bytes), percent(share), bar(share, kBarWidth),
               std::string(meaning(category))});
}

std::string categories_table(const Prediction& predicted) {
    const auto& device = predicted.worst_rank().device;
    Table table({Align::left, Align::right, Align::right, Align::left, Align::left});
    table.add({"", "GiB", "of GPU"});
    for (std::size_t i = 0; i < kRoles; ++i) {
        add_category(table, kRoleNames[i], device.by_role[i], predicted.capacity);
        if (static_cast<Role>(i) != Role::parameter || predicted.teacher == Bytes{}) continue;
        table.add({"  of them", gib(predicted.teacher),
                   percent(predicted.teacher / predicted.capacity), "", "the teacher's"});
    }
    add_category(table, "reserved", device.reserved, predicted.capacity);
    const double share = device.total() / predicted.capacity;
    table.add({"total", gib(device.total()), percent(share), bar(share, kBarWidth),
               fmt::format("of {} GiB", gib(predicted.capacity))});
    return table.text();
}

std::string band_table(const MemoryBand& band) {
    Table table({Align::left, Align::right, Align::right, Align::right, Align::left});
    table.add({"how sure", "low", "expected", "high", "because"});
    table.add({"total", gib(band.low), gib(band.expected), gib(band.high)});
    for (const auto& part : band.parts) {
        table.add({part.part, gib(part.low), gib(part.expected), gib(part.high), part.reason});
    }
    return table.text();
}

std::string title(const Prediction& predicted) {
    const auto& rank = predicted.worst_rank();
    const auto stages = predicted.stages.size();
    return stages == 1 ? std::string(" of each GPU at its peak")
                       : fmt::format(
                             " of a GPU of pipeline stage {} of {}, the fullest, at its "
                             "peak",
                             rank.stage + 1, stages);
}

std::string peak_line(const RankMemory& rank) {
    const auto layer =
        rank.peak_layer < 0 ? std::string() : fmt::format(" of layer {}", rank.peak_layer);
    return fmt::format("  peak: {} pass{}, during {}\n", name(rank.peak_phase), layer,
                       rank.peak_op);
}

std::string amount_of(Bytes bytes) { return bytes == Bytes{} ? "-" : gib(bytes); }

std::string phases_table(const Prediction& predicted) {
    Table table({Align::left, Align::right, Align::right, Align::right, Align::right, Align::left});
    table.add({"phase", "GPU", "host a node", "NVMe a node", "disk", ""});
    for (const auto& phase : predicted.phases) {
        table.add({phase.phase, amount_of(phase.device), amount_of(phase.host),
                   amount_of(phase.nvme), amount_of(phase.disk), phase.note});
    }
    table.add({"limit", gib(predicted.capacity), amount_of(predicted.host_capacity),
               amount_of(predicted.nvme_capacity)});
    return table.text();
}

}  // namespace

std::string_view meaning(std::string_view category) {
    for (const auto& each : kMeanings) {
        if (each.category == category) return each.text;
    }
    return {};
}

std::string memory_text(const Plan& plan, const Style& style) {
    const auto& predicted = plan.predicted;
    return style.heading("Memory") + title(predicted) + "\n" + categories_table(predicted) +
           peak_line(predicted.worst_rank()) + "\n" + band_table(predicted.band) + "\n" +
           phases_table(predicted);
}

}  // namespace headroom::cli
