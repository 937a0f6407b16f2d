#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <string>

#include "planner/base/json.h"
#include "planner/base/plural.h"
#include "planner/cli/profiles.h"
#include "planner/cli/table.h"
#include "planner/cli/verbs.h"

namespace headroom::cli {
namespace {

std::string bf16_peak(const HardwareProfile& gpu) {
    const auto found = gpu.peak.find(DType::bf16);
    return found == gpu.peak.end() ? "-" : fmt::format("{:.0f}", found->second.count() / 1e12);
}

std::string hourly(const HardwareProfile& gpu) {
    const Price price = default_price(gpu);
    return price.provider.empty() ? "-" : to_string(price.per_gpu_hour);
}

std::string rate(Bandwidth bandwidth) {
    return bandwidth > Bandwidth{} ? fmt::format("{:.0f}", bandwidth.count() / 1e9) : "-";
}

std::string list_text(const HardwareCatalog& catalog, const Style& style) {
    Table table({Align::left, Align::right, Align::right, Align::right, Align::right, Align::right,
                 Align::left});
    table.add({"GPU", "GiB", "GB/s", "bf16 TFLOP/s", "NVLink GB/s", "$ an hour", "confidence"});
    for (const auto& gpu : catalog.gpus()) {
        table.add({gpu.id, gib(gpu.memory_capacity), rate(gpu.memory_bandwidth), bf16_peak(gpu),
                   rate(gpu.nvlink), hourly(gpu), gpu.confidence});
    }
    return style.heading("GPUs") +
           " (memory that CUDA reports; dense peaks; NVLink per direction)\n" + table.text() +
           "\nheadroom hardware show NAME tells where each number is from\n"
           "headroom hardware nodes lists what GPUs stand in\n";
}

Answer list(const HardwareCatalog& catalog, const Style& style) {
    Answer out{.text = list_text(catalog, style),
               .document = {{"format", 1}, {"gpus", Json::array()}, {"nodes", Json::array()}}};
    for (const auto& gpu : catalog.gpus()) {
        out.document["gpus"].push_back(to_json(gpu));
        out.brief += gpu.id + "\n";
    }
    for (const auto& node : catalog.nodes()) out.document["nodes"].push_back(to_json(node));
    return out;
}

/// Every number of a profile document with its source; parts of an object each on a line.
void add_rows(Table& table, const Json& profile) {
    const Json sources = profile.value("sources", Json::object());
    const auto add = [&](const std::string& key, const std::string& outer, const Json& value) {
        const auto own = sources.value(key, sources.value(outer, std::string()));
        table.add({key, value.is_string() ? value.get<std::string>() : value.dump(), own});
    };
    for (const auto& [key, value] : profile.items()) {
        if (key == "sources" || key == "prices" || key == "node" || key == "aliases") continue;
        if (!value.is_object()) add(key, key, value);
        if (!value.is_object()) continue;
        for (const auto& [part, number] : value.items()) add(key + "/" + part, key, number);
    }
}

std::string shown(const std::string& title, const Json& profile, const Style& style) {
    Table table({Align::left, Align::right, Align::left});
    add_rows(table, profile);
    return style.heading(title) + "\n" + table.text();
}

std::string prices_text(const HardwareProfile& gpu, const Style& style) {
    if (gpu.prices.empty()) return {};
    Table table({Align::left, Align::right, Align::left, Align::left, Align::left});
    for (const auto& price : gpu.prices) {
        table.add(
            {price.provider, to_string(price.per_gpu_hour), price.kind, price.dated, price.source});
    }
    return fmt::format("\n{}\n{}", style.heading("Prices of a GPU-hour"), table.text());
}

Answer nodes(const HardwareCatalog& catalog, const Style& style) {
    Table table({Align::left, Align::right, Align::right, Align::right, Align::right, Align::left});
    table.add({"node", "GPUs", "host GiB", "NVMe TB", "network GB/s", "GPU"});
    Answer out{.document = {{"format", 1}, {"nodes", Json::array()}}};
    for (const auto& node : catalog.nodes()) {
        table.add({node.id, std::to_string(node.gpus), gib(node.host_ram),
                   fmt::format("{:.1f}", node.nvme_capacity.real() / 1e12), rate(node.network),
                   node.gpu});
        out.document["nodes"].push_back(to_json(node));
        out.brief += node.id + "\n";
    }
    out.text = style.heading("Nodes") + "\n" + table.text();
    return out;
}

Answer show(const HardwareCatalog& catalog, const std::string& name, const Style& style) {
    const auto node = std::ranges::find(catalog.nodes(), name, &NodeProfile::id);
    if (node != catalog.nodes().end()) {
        const Json document = to_json(*node);
        return {.text = shown("node " + name, document, style),
                .brief = fmt::format("{} {} GPU{}\n", name, node->gpus, plural(node->gpus)),
                .document = document};
    }
    const auto gpu = catalog.gpu(name, "NAME");
    const Json document = to_json(gpu);
    return {.text = shown(gpu.id, document, style) + "\n" +
                    shown("node " + gpu.node.id, document.at("node"), style) +
                    prices_text(gpu, style),
            .brief = fmt::format("{} {}\n", gpu.id, to_string(gpu.memory_capacity)),
            .document = document};
}

}  // namespace

void declare_hardware(CLI::App& app, Options& options) {
    app.add_option("action", options.hardware_action,
                   "list GPUs or nodes, show one, or detect: measure this machine")
        ->check(CLI::IsMember({"list", "nodes", "show", "detect"}))
        ->capture_default_str();
    app.add_option("name", options.hardware_name,
                   "what to show: a GPU's profile name, alias or file, or a node")
        ->type_name("NAME");
}

bool detects(const Options& options) {
    if (options.hardware_action != "detect") return false;
    if (!options.hardware_name.empty()) throw UsageError("detect takes no name");
    return true;
}

Answer answer_hardware(const Options& options, const Style& style) {
    const bool shows = options.hardware_action == "show";
    if (shows == options.hardware_name.empty()) {
        throw UsageError(shows ? "show needs the name of a GPU or node"
                               : options.hardware_action + " takes no name");
    }
    const auto catalog = HardwareCatalog::load(profiles_root(options.common).path,
                                               hardware_overrides(options.common));
    if (shows) return show(catalog, options.hardware_name, style);
    return options.hardware_action == "nodes" ? nodes(catalog, style) : list(catalog, style);
}

}  // namespace headroom::cli
