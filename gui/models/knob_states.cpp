#include <QRegularExpression>
#include <algorithm>

#include "gui/document/edits.h"
#include "gui/models/knob_model.h"
#include "planner/spec/listed_technique.h"

namespace headroom::gui {
namespace {

void add_counts(std::vector<KnobValue>& out, const Knob& knob, std::int64_t value) {
    for (const std::int64_t each :
         {value * 2, value / 2, value + 1, value - 1, static_cast<std::int64_t>(knob.low),
          std::int64_t{2}, std::int64_t{4}, std::int64_t{8}}) {
        const auto real = static_cast<double>(each);
        if (each != value && real >= knob.low && real <= knob.high) out.emplace_back(each);
    }
}

/// Values to try in place of the present one.
std::vector<KnobValue> other_values(const Knob& knob, const KnobValue& value) {
    std::vector<KnobValue> out;
    switch (knob.kind) {
        case KnobKind::boolean:
            return {!std::get<bool>(value)};
        case KnobKind::integer:
            add_counts(out, knob, std::get<std::int64_t>(value));
            return out;
        case KnobKind::number:
            return {knob.low, (knob.low + knob.high) / 2.0, knob.high};
        case KnobKind::choice:
            for (const auto word : knob.choices) out.emplace_back(std::string(word));
            return out;
        case KnobKind::list:
            out.emplace_back(std::vector<std::string>{});
            for (const auto word : knob.choices) {
                out.emplace_back(std::vector<std::string>{std::string(word)});
            }
            return out;
    }
    return out;
}

/// A technique that is off, and stays so whatever this knob of it says.
QString off_reason(const Knob& knob, const PlanRequest& before, const PlanRequest& after) {
    for (const auto& listed : listed_techniques()) {
        if (listed.group != knob.group() || listed.is_on(before) || listed.is_on(after)) continue;
        const auto technique =
            QString::fromUtf8(knob.technique.data(), static_cast<int>(knob.technique.size()));
        return QObject::tr("takes effect once %1 is on").arg(technique);
    }
    return {};
}

/// A refusal in the words of a form: nobody has chosen the value yet, and nobody reads pointers.
QString as_reason(QString refusal, const QString& value) {
    static const QRegularExpression kPlace(QStringLiteral("^(/[^ :]*)+: "));
    static const QRegularExpression kMentioned(QStringLiteral(" of (/[a-z_]+)+"));
    refusal.remove(kPlace).remove(kMentioned);
    if (refusal.startsWith(value + QLatin1Char(' '))) return refusal;
    const auto chosen = QStringLiteral("is %1, ").arg(value);
    if (refusal.startsWith(chosen)) refusal.remove(0, chosen.size());
    if (refusal.startsWith(QLatin1String("but "))) refusal.remove(0, 4);
    return QObject::tr("with %1: %2").arg(value, refusal);
}

/// Why a request with this knob turned cannot be; empty when it can or was as wrong before.
QString reason_of(const Knob& knob, const KnobValue& value, const PlanRequest& before,
                  const QString& fault) {
    const PlanRequest after = with_knob(before, knob, value);
    const auto off = off_reason(knob, before, after);
    if (!off.isEmpty()) return off;
    const auto refusal = refusal_of(after);
    if (refusal == fault) return {};
    return as_reason(refusal, QString::fromStdString(to_string(value)));
}

KnobState state_of(const Knob& knob, const PlanRequest& request, const QString& fault) {
    KnobState state;
    const KnobValue present = knob.get(request);
    bool possible = false;
    for (const auto& value : other_values(knob, present)) {
        const auto reason = value == present ? QString() : reason_of(knob, value, request, fault);
        if (knob.kind == KnobKind::choice) {
            state.choices.push_back({QString::fromStdString(to_string(value)), reason});
        }
        if (value == present) continue;
        possible = possible || reason.isEmpty();
        if (state.reason.isEmpty()) state.reason = reason;
        if (possible && knob.kind != KnobKind::choice) break;
    }
    if (possible) state.reason.clear();
    return state;
}

/// Sources and notes are most of a profile and decide nothing here.
PlanRequest without_texts(PlanRequest request) {
    auto& gpu = request.hardware.profile;
    gpu.sources.clear();
    gpu.prices.clear();
    gpu.notes.clear();
    gpu.node.sources.clear();
    return request;
}

}  // namespace

std::vector<KnobState> knob_states(const PlanRequest& request) {
    const PlanRequest lean = without_texts(request);
    const QString fault = refusal_of(lean);
    std::vector<KnobState> out;
    for (const auto& knob : knobs()) out.push_back(state_of(knob, lean, fault));
    return out;
}

}  // namespace headroom::gui
