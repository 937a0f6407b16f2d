#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "planner/base/json.h"

namespace headroom {

/// A config.json in one vocabulary. Families and library versions spell the same fact differently;
/// the alias table is applied once, here, and every value keeps the pointer of the key as written.
class ConfigKeys {
public:
    /// Reads the language model's part: `text_config` when the config wraps several models. Throws
    /// InputError when two spellings of one size disagree.
    explicit ConfigKeys(const JsonCursor& config);

    /// The whole config, the wrapper of `text_config` included.
    [[nodiscard]] const JsonCursor& root() const { return root_; }

    /// Whether the key is there at all, null included.
    [[nodiscard]] bool has(std::string_view key) const;
    /// Whether the key is there and says null, which is not the same as absent.
    [[nodiscard]] bool is_null(std::string_view key) const;
    /// The value, or nothing when absent or null.
    [[nodiscard]] std::optional<JsonCursor> find(std::string_view key) const;
    /// The value; throws "is missing" when absent or null.
    [[nodiscard]] JsonCursor at(std::string_view key) const;

    [[nodiscard]] std::int64_t integer_or(std::string_view key, std::int64_t fallback,
                                          std::int64_t low, std::int64_t high) const;
    [[nodiscard]] double number_or(std::string_view key, double fallback, double low,
                                   double high) const;
    [[nodiscard]] bool boolean_or(std::string_view key, bool fallback) const;

    /// Throws with the pointer of the key as written, or where it would be.
    [[noreturn]] void fail(std::string_view key, const std::string& sentence) const;

private:
    [[nodiscard]] std::string pointer_of(std::string_view key) const;
    void apply_aliases();

    JsonCursor root_;
    JsonCursor text_;
    std::map<std::string, JsonCursor, std::less<>> values_{};
};

}  // namespace headroom
