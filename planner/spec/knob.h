#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "planner/base/json_fwd.h"
#include "planner/spec/plan_request.h"

namespace headroom {

enum class KnobKind { boolean, integer, number, choice, list };
using KnobValue = std::variant<bool, std::int64_t, double, std::string, std::vector<std::string>>;

/// One setting of a request: what JSON, help texts, forms and the search know about it.
struct Knob {
    std::string_view name{};       ///< unique, for --pin NAME=VALUE
    std::string_view path{};       ///< "/train/…", "/layout/…" or "/techniques/<id>/<key>"
    std::string_view technique{};  ///< id of the technique it belongs to; empty: plain setting
    KnobKind kind = KnobKind::boolean;
    std::span<const std::string_view> choices{};  ///< of a choice, or of a list's elements
    double low = 0.0;                             ///< of an integer or number, inclusive
    double high = 0.0;
    std::string_view help{};  ///< one sentence
    KnobValue (*get)(const PlanRequest&) = nullptr;
    /// Takes a value of the knob's kind that was checked; `set` checks.
    void (*assign)(PlanRequest&, const KnobValue&) = nullptr;

    /// The object of a document it stands in: "/train", "/layout", "/techniques/lora".
    [[nodiscard]] std::string_view group() const { return path.substr(0, path.rfind('/')); }
    [[nodiscard]] std::string_view key() const { return path.substr(path.rfind('/') + 1); }
};

/// Where the adapter's knobs stand; their key "id" holds the kind: lora, qlora or dora.
inline constexpr std::string_view kAdapterGroup = "/techniques/lora";

/// Where distillation's knobs stand, and the document's teacher beside them: a preset's name or a
/// whole model.
inline constexpr std::string_view kDistillationGroup = "/techniques/distillation";
inline constexpr std::string_view kTeacherKey = "teacher";

/// Every setting of a request, each once.
std::span<const Knob> knobs();

/// The knob of that name; throws InputError at `pointer` with the nearest names.
const Knob& knob(std::string_view name, const std::string& pointer = "");

/// Where the knob stands in a document of this request ("/techniques/qlora/rank").
std::string pointer(const Knob& knob, const PlanRequest& request);

/// A value as text ("--pin zero=3", lists with commas), checked; throws InputError at `pointer`,
/// by default the knob's path.
KnobValue parse(const Knob& knob, std::string_view text, const std::string& pointer = "");

/// Reads and checks a value; throws InputError: kind, limits, choices.
KnobValue value_from_json(const Knob& knob, const JsonCursor& json);
Json to_json(const KnobValue& value);
/// "3", "true", "norm,activation": what `parse` reads.
std::string to_string(const KnobValue& value);

/// Changes one setting after checking it alone; throws InputError at the knob's path.
void set(PlanRequest& request, std::string_view name, const KnobValue& value);

}  // namespace headroom
