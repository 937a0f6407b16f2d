#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "planner/base/json.h"

namespace headroom {

/// What a published memory figure counts.
enum class MemoryStat : std::uint8_t { allocated, reserved, process };
std::string_view name(MemoryStat stat);

/// One published measurement: what ran, on what, and what was seen.
struct MeasuredRow {
    std::string id{};
    std::string source{};
    std::string group{};
    std::string regime{};
    std::string quality{};
    std::string framework{};
    std::string model_name{};
    std::string gpu_key{};
    Json model{};
    Json hardware{};
    Json setup{};
    std::optional<double> peak_gib{};      ///< as `stat` says
    std::optional<double> reserved_gib{};  ///< beside an allocated peak
    MemoryStat stat = MemoryStat::allocated;
    std::optional<double> step_seconds{};
    std::optional<double> tokens_per_second{};  ///< of one GPU
    std::optional<double> gpu_hours{};          ///< of a whole run
    double total_tokens = 0.0;                  ///< that the run saw
    double usd_per_gpu_hour = 0.0;              ///< that its source reckons with
    bool last_rank = false;   ///< memory is the last rank's, not the fullest one's
    bool first_node = false;  ///< memory is what nvidia-smi shows on the first node
    bool out_of_memory = false;
    bool starter = false;
};

/// Inputs that a row's source states and its document does not, or states otherwise: members to put
/// in their place.
struct StatedInput {
    Json setup = Json::object();
    Json hardware = Json::object();
};
using StatedInputs = std::map<std::string, StatedInput>;  ///< by the row's id
/// Reads an array of {id, setup, hardware, source}. Throws InputError.
StatedInputs stated_inputs(const JsonCursor& json);
/// Those of measured/inputs.json under a profiles root; none where there is no such file.
StatedInputs shipped_inputs(const std::filesystem::path& profiles_root);

/// Reads a document of measurements: an array of rows. Throws InputError.
std::vector<MeasuredRow> measured_rows(const JsonCursor& json, const StatedInputs& inputs = {});

/// Tolerant readers of a row's parts: a number, or text that is one; the text of any value.
std::optional<double> number_of(const Json& object, std::string_view key);
std::int64_t count_of(const Json& object, std::string_view key, std::int64_t fallback);
std::string text_of(const Json& object, std::string_view key);
bool flag_of(const Json& object, std::string_view key);
/// Whether `text` has `part`, letter case ignored.
bool has_text(std::string_view text, std::string_view part);

}  // namespace headroom
