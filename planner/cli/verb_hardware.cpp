#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "planner/base/json.h"
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
           "\nheadroom hardware show NAME tells where each number is from\n";
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

Answer show(const HardwareCatalog& catalog, const std::string& name, const Style& style) {
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
    app.add_option("action", options.hardware_action, "list, show, or detect: measure this machine")
        ->check(CLI::IsMember({"list", "show", "detect"}))
        ->capture_default_str();
    app.add_option("name", options.hardware_name, "GPU to show: profile name, alias or file")
        ->type_name("NAME");
}

Answer answer_hardware(const Options& options, const Style& style) {
    const bool shows = options.hardware_action == "show";
    if (shows == options.hardware_name.empty()) {
        throw UsageError(shows ? "show needs the name of a GPU" : "list takes no name");
    }
    const auto catalog = HardwareCatalog::load(profiles_root(options.common).path,
                                               hardware_overrides(options.common));
    return shows ? show(catalog, options.hardware_name, style) : list(catalog, style);
}

}  // namespace headroom::cli
