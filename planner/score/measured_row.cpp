#include "planner/score/measured_row.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

#include "planner/base/json.h"

namespace headroom {
namespace {

constexpr std::array<std::string_view, 3> kStatNames{"allocated", "reserved", "process"};

/// Words in a row's description of its statistic; the first that fits decides.
struct StatWord {
    std::string_view word;
    MemoryStat stat;
};
constexpr std::array kStatWords{
    StatWord{"nvidia-smi", MemoryStat::process},
    StatWord{"device total", MemoryStat::process},
    StatWord{"VRAM", MemoryStat::process},
    StatWord{"max_memory_allocated", MemoryStat::allocated},
    StatWord{"peak active", MemoryStat::allocated},
    StatWord{"allocated", MemoryStat::allocated},
    StatWord{"reserved", MemoryStat::reserved},
    StatWord{"torch memory stats", MemoryStat::allocated},
};

MemoryStat stat_of(const Json& measured) {
    const std::string stated = text_of(measured, "memory_stat");
    // NeMo logs max_memory_reserved as peak_memory_usage (megatron_strategy.py, training_step).
    if (has_text(stated, "NeMo log")) return MemoryStat::reserved;
    const std::string text = stated + " " + text_of(measured, "peak_gib_norm_note");
    for (const auto& row : kStatWords) {
        if (has_text(text, row.word)) return row.stat;
    }
    return MemoryStat::reserved;
}

/// Seconds of one optimizer step, from whichever figure a source prints.
std::optional<double> seconds_of(const Json& measured, const Json& setup, double gpus) {
    for (const auto* key : {"step_time_s_norm", "step_time_s"}) {
        if (const auto value = number_of(measured, key)) return value;
    }
    auto batch = number_of(setup, "global_batch");
    if (!batch) {
        batch = number_of(setup, "micro_batch").value_or(0.0) *
                number_of(setup, "dp").value_or(1.0) * number_of(setup, "grad_accum").value_or(1.0);
    }
    const auto sequence = number_of(setup, "seq_len");
    if (*batch <= 0.0 || !sequence) return std::nullopt;
    if (const auto each = number_of(measured, "tokens_per_s_per_gpu"); each && *each > 0.0) {
        return *batch * *sequence / (*each * gpus);
    }
    if (const auto days = number_of(measured, "days_for_300B_tokens")) {
        return *days * 86400.0 * *batch * *sequence / 300e9;
    }
    return std::nullopt;
}

const Json& part(const JsonCursor& row, std::string_view key) {
    const JsonCursor found = row.at(key);
    if (!found.is_object()) found.fail("must be an object");
    return found.value();
}

MeasuredRow row_of(const JsonCursor& json, const StatedInput& stated) {
    MeasuredRow row{.id = json.at("id").string(),
                    .source = json.string_or("source", ""),
                    .group = json.string_or("group", ""),
                    .regime = json.string_or("regime", ""),
                    .quality = json.string_or("quality", ""),
                    .model = part(json, "model"),
                    .hardware = part(json, "hardware"),
                    .setup = part(json, "setup"),
                    .starter = flag_of(json.value(), "starter")};
    row.setup.update(stated.setup);
    row.hardware.update(stated.hardware);
    const Json& measured = part(json, "measured");
    row.framework = text_of(row.setup, "framework");
    row.model_name = text_of(row.model, "name");
    row.gpu_key = text_of(row.hardware, "gpu_key");
    row.peak_gib = number_of(measured, "peak_gib_norm");
    row.reserved_gib = number_of(measured, "peak_reserved_gib");
    row.stat = stat_of(measured);
    const double gpus = number_of(row.hardware, "count").value_or(1.0);
    row.step_seconds = seconds_of(measured, row.setup, std::max(gpus, 1.0));
    row.tokens_per_second = number_of(measured, "tokens_per_s_per_gpu");
    row.gpu_hours = number_of(measured, "gpu_hours");
    row.total_tokens = number_of(row.setup, "total_tokens").value_or(0.0);
    row.usd_per_gpu_hour = number_of(row.setup, "usd_per_gpu_hour").value_or(0.0);
    row.last_rank = has_text(text_of(measured, "memory_stat"), "last rank");
    const std::string statistic = text_of(measured, "memory_stat");
    row.first_node = statistic.starts_with("nvidia-smi") && !has_text(statistic, "worst");
    row.out_of_memory = flag_of(measured, "oom");
    return row;
}

}  // namespace

std::string_view name(MemoryStat stat) { return kStatNames[static_cast<std::size_t>(stat)]; }

std::optional<double> number_of(const Json& object, std::string_view key) {
    const auto found = object.find(key);
    if (found == object.end()) return std::nullopt;
    if (found->is_number()) return found->get<double>();
    if (!found->is_string()) return std::nullopt;
    const auto& text = found->get_ref<const std::string&>();
    double value = 0.0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end == text.data()) return std::nullopt;
    return value;
}

std::int64_t count_of(const Json& object, std::string_view key, std::int64_t fallback) {
    const auto value = number_of(object, key);
    if (!value || !(*value >= 0.0) || *value > 1e15) return fallback;
    return std::llround(*value);
}

std::string text_of(const Json& object, std::string_view key) {
    const auto found = object.find(key);
    if (found == object.end() || found->is_null()) return {};
    return found->is_string() ? found->get<std::string>() : found->dump();
}

bool flag_of(const Json& object, std::string_view key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_boolean() && found->get<bool>();
}

bool has_text(std::string_view text, std::string_view part) {
    const auto same = [](char a, char b) {
        return std::tolower(static_cast<unsigned char>(a)) ==
               std::tolower(static_cast<unsigned char>(b));
    };
    return std::search(text.begin(), text.end(), part.begin(), part.end(), same) != text.end();
}

StatedInputs stated_inputs(const JsonCursor& json) {
    StatedInputs inputs;
    for (const auto& element : json.elements()) {
        element.only({"id", "setup", "hardware", "source"});
        if (element.at("source").string().empty()) element.at("source").fail("must not be empty");
        StatedInput& input = inputs[element.at("id").string()];
        if (element.find("setup")) input.setup = part(element, "setup");
        if (element.find("hardware")) input.hardware = part(element, "hardware");
    }
    return inputs;
}

StatedInputs shipped_inputs(const std::filesystem::path& profiles_root) {
    const auto path = profiles_root / "measured" / "inputs.json";
    if (!std::filesystem::exists(path)) return {};
    const Json document = read_json_file(path.string());
    return stated_inputs(JsonCursor(document, ""));
}

std::vector<MeasuredRow> measured_rows(const JsonCursor& json, const StatedInputs& inputs) {
    std::vector<MeasuredRow> rows;
    for (const auto& element : json.elements()) {
        const auto stated = inputs.find(element.at("id").string());
        rows.push_back(row_of(element, stated == inputs.end() ? StatedInput{} : stated->second));
    }
    return rows;
}

}  // namespace headroom
