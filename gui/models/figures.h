#pragma once

#include <QString>
#include <string_view>

#include "planner/base/units.h"
#include "planner/plan/comparison.h"

namespace headroom::gui {

enum class MemoryUnit { gib, gb };

/// How amounts are shown: the one choice that a person has about it.
struct Figures {
    MemoryUnit unit = MemoryUnit::gib;

    /// "GiB" or "GB".
    [[nodiscard]] QString unitName() const;
    /// The bare number in that unit.
    [[nodiscard]] double in(Bytes bytes) const;
    /// "12.34", and with its unit "12.34 GiB".
    [[nodiscard]] QString bare(Bytes bytes) const;
    [[nodiscard]] QString memory(Bytes bytes) const;
    /// "+1.20 GiB", "=" for no difference.
    [[nodiscard]] QString change(Bytes bytes) const;
    /// Any number of a plan; memory in the chosen unit.
    [[nodiscard]] QString number(NumberUnit kind, double value) const;
    [[nodiscard]] QString difference(NumberUnit kind, double value) const;
};

QString text(std::string_view utf8);
QString text(Seconds time);
/// Where a long word may go on in the next line; exports leave it out.
inline constexpr QChar kMayBreak{0x200b};
/// Names of parts, which may go on in the next line after each of them.
QString breakable(QString names);
/// A sentence that no line ends inside of "12.34 GiB" or "GB/s": a number stays with the word after
/// it.
QString kept_together(QString sentence);
/// "$0.42"; "unknown" for none.
QString price_words(double usd);
/// "+12.0 ms"; empty for none.
QString change(Seconds time);

}  // namespace headroom::gui
