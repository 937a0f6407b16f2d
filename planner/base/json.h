#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "planner/base/error.h"

// Compiled once, in json_class.cpp: half of what every file that knows JSON would compile.
extern template class nlohmann::basic_json<>;
extern template class nlohmann::detail::serializer<nlohmann::json>;

namespace headroom {

using Json = nlohmann::json;  ///< object keys are sorted, so output is stable and diffable

/// Limits on a document before anything is built from it.
struct JsonLimits {
    std::size_t max_bytes = 64U << 20U;
    int max_depth = 64;
};

/// Parses `text`; throws InputError naming `source` and the byte where it stops being JSON.
Json parse_json(std::string_view text, const std::string& source, const JsonLimits& limits = {});

/// Reads and parses a file; "-" is standard input. Throws InputError when it cannot.
Json read_json_file(const std::filesystem::path& path, const JsonLimits& limits = {});

/// The whole of a file ("-" is standard input), at most `max_bytes`; throws InputError.
std::string read_text_file(const std::filesystem::path& path, std::size_t max_bytes = 64U << 20U);

/// A JSON value with its pointer: every getter checks type and limits and throws one sentence.
class JsonCursor {
public:
    JsonCursor(const Json& value, std::string pointer)
        : value_(&value), pointer_(std::move(pointer)) {}

    [[nodiscard]] const Json& value() const { return *value_; }
    [[nodiscard]] const std::string& pointer() const {
        return pointer_.empty() ? root() : pointer_;
    }
    [[noreturn]] void fail(const std::string& sentence) const;

    [[nodiscard]] bool is_object() const { return value_->is_object(); }
    [[nodiscard]] bool is_array() const { return value_->is_array(); }
    [[nodiscard]] bool is_string() const { return value_->is_string(); }
    [[nodiscard]] bool is_null() const { return value_->is_null(); }

    /// The member, or nothing when absent or null. Throws when this is no object.
    [[nodiscard]] std::optional<JsonCursor> find(std::string_view key) const;
    /// The member; throws "missing" when absent or null.
    [[nodiscard]] JsonCursor at(std::string_view key) const;
    /// Array elements, each with its pointer; throws when this is no array.
    [[nodiscard]] std::vector<JsonCursor> elements() const;
    /// Object members in key order; throws when this is no object.
    [[nodiscard]] std::vector<std::pair<std::string, JsonCursor>> members() const;
    /// Throws for the first key outside `known`, with the nearest known name.
    void only(std::initializer_list<std::string_view> known) const;
    void only(const std::vector<std::string>& known) const;

    [[nodiscard]] std::int64_t integer(std::int64_t low, std::int64_t high) const;
    [[nodiscard]] double number(double low, double high) const;
    [[nodiscard]] bool boolean() const;
    [[nodiscard]] const std::string& string() const;

    /// Shorthands: the member's value, or `fallback` when absent or null.
    [[nodiscard]] std::int64_t integer_or(std::string_view key, std::int64_t fallback,
                                          std::int64_t low, std::int64_t high) const;
    [[nodiscard]] double number_or(std::string_view key, double fallback, double low,
                                   double high) const;
    [[nodiscard]] bool boolean_or(std::string_view key, bool fallback) const;
    [[nodiscard]] std::string string_or(std::string_view key, std::string fallback) const;

private:
    static const std::string& root();

    const Json* value_;
    std::string pointer_;
};

/// A short quotation of a value for an error sentence; long ones are cut.
std::string quoted(const Json& value);

}  // namespace headroom
