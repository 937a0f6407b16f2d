#include "gui/jobs/outcome.h"

#include <new>

#include "planner/base/error.h"

namespace headroom::gui {

Refusal refusal_in_flight() {
    try {
        throw;
    } catch (const InputError& error) {
        return {QString::fromUtf8(error.what()), QString::fromStdString(error.pointer())};
    } catch (const std::bad_alloc&) {
        return {QStringLiteral("This machine has no memory left for that."), {}};
    } catch (const std::exception& error) {
        return {QStringLiteral("Internal error: ") + QString::fromUtf8(error.what()), {}};
    }
}

}  // namespace headroom::gui
