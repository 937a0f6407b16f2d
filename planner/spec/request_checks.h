#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "planner/base/error.h"
#include "planner/spec/knob.h"

namespace headroom {

inline constexpr std::int64_t kMostGpus = 1 << 20;
inline constexpr double kMostUsd = 1e6;  ///< a GPU hour

/// A request with a way to refuse it at one of its settings.
class RequestCheck {
public:
    explicit RequestCheck(const PlanRequest& asked) : request(asked) {}

    /// Throws InputError where the knob called `setting` stands (or at a pointer) unless it holds.
    template <class... Args>
    void require(bool holds, std::string_view setting, fmt::format_string<Args...> sentence,
                 Args&&... args) const {
        if (!holds) fail(setting, fmt::format(sentence, std::forward<Args>(args)...));
    }

    /// "/layout/tensor: 6 does not divide 32 attention heads"
    void require_divides(std::string_view setting, std::int64_t part, std::int64_t whole,
                         std::string_view what) const {
        require(whole % part == 0, setting, "{} does not divide {} {}", part, whole, what);
    }

    // NOLINTNEXTLINE(cppcoreguidelines-avoid-const-or-ref-data-members)
    const PlanRequest& request;

private:
    [[noreturn]] void fail(std::string_view setting, const std::string& sentence) const {
        const bool is_pointer = setting.starts_with('/');
        throw InputError(is_pointer ? std::string(setting) : pointer(knob(setting), request),
                         sentence);
    }
};

// What the settings of a request promise each other, by topic; each throws InputError.

void check_batch(const RequestCheck& check);
void check_precision(const RequestCheck& check);
void check_positions(const RequestCheck& check);

void check_world(const RequestCheck& check);
void check_tensor(const RequestCheck& check);
void check_context(const RequestCheck& check);
void check_pipeline(const RequestCheck& check);
void check_expert(const RequestCheck& check);

void check_zero(const RequestCheck& check);
void check_recompute(const RequestCheck& check);
void check_qat(const RequestCheck& check);
void check_pruning(const RequestCheck& check);
void check_distillation(const RequestCheck& check);
void check_offload(const RequestCheck& check);
void check_adapter(const RequestCheck& check);

}  // namespace headroom
