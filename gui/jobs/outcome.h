#pragma once

#include <QString>
#include <variant>

namespace headroom::gui {

/// Why there is no result: one sentence, and the place in the request it is about.
struct Refusal {
    QString sentence{};
    QString pointer{};
};

template <class Out>
using Outcome = std::variant<Out, Refusal>;

/// The exception in flight as a sentence. To be called in a catch block.
Refusal refusal_in_flight();

}  // namespace headroom::gui
