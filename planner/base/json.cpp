#include "planner/base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <set>
#include <sstream>
#include <utility>

namespace headroom {
namespace {

std::string escaped(std::string_view key) {
    std::string out;
    for (const char c : key) {
        if (c == '~') {
            out += "~0";
        } else if (c == '/') {
            out += "~1";
        } else {
            out += c;
        }
    }
    return out;
}

/// Sees a document while it is parsed: refuses nesting deeper than the limit before a tree is
/// built, and a key that an object has twice, of which a tree would keep the last.
class DocumentGuard {
public:
    DocumentGuard(std::string source, int max_depth)
        : source_(std::move(source)), max_depth_(max_depth) {}

    bool operator()(int depth, Json::parse_event_t event, const Json& parsed) {
        using Event = Json::parse_event_t;
        if (depth > max_depth_) {
            throw InputError(source_, fmt::format("nested deeper than {} levels", max_depth_));
        }
        if (event == Event::key) {
            see_key(parsed.get_ref<const std::string&>());
        } else if (event == Event::object_end || event == Event::array_end) {
            open_.pop_back();
        } else {
            if (!open_.empty()) ++open_.back().values;
            if (event != Event::value) open_.emplace_back();
        }
        return true;
    }

private:
    /// An object or array that has begun.
    struct Open {
        std::set<std::string> keys{};
        const std::string* key = nullptr;  ///< the last; none in an array
        std::size_t values = 0;
    };

    void see_key(const std::string& key) {
        auto& object = open_.back();
        const auto [place, is_new] = object.keys.insert(key);
        object.key = &*place;
        if (!is_new) throw InputError(source_ + "#" + pointer(), "is given twice");
    }

    [[nodiscard]] std::string pointer() const {
        std::string out;
        for (const auto& [keys, key, values] : open_) {
            out += "/" + (key != nullptr ? escaped(*key) : std::to_string(values - 1));
        }
        return out;
    }

    std::string source_;
    int max_depth_;
    std::vector<Open> open_{};
};

std::string read_stream(std::istream& in, std::size_t max_bytes, const std::string& source) {
    std::string text;
    std::vector<char> block(1U << 16U);
    while (in.read(block.data(), static_cast<std::streamsize>(block.size())) || in.gcount() > 0) {
        text.append(block.data(), static_cast<std::size_t>(in.gcount()));
        if (text.size() > max_bytes) {
            throw InputError(source,
                             fmt::format("larger than the limit of {} MiB", max_bytes >> 20U));
        }
    }
    if (in.bad()) throw InputError(source, "cannot be read");
    return text;
}

}  // namespace

Json parse_json(std::string_view text, const std::string& source, const JsonLimits& limits) {
    if (text.size() > limits.max_bytes) {
        throw InputError(source,
                         fmt::format("larger than the limit of {} MiB", limits.max_bytes >> 20U));
    }
    try {
        DocumentGuard guard(source, limits.max_depth);
        return Json::parse(text, [&](int depth, Json::parse_event_t event, const Json& parsed) {
            return guard(depth, event, parsed);
        });
    } catch (const Json::parse_error& error) {
        throw InputError(source, fmt::format("not valid JSON at byte {}", error.byte));
    } catch (const Json::exception&) {
        throw InputError(source, "not valid JSON");
    }
}

std::string read_text_file(const std::filesystem::path& path, std::size_t max_bytes) {
    if (path == "-") return read_stream(std::cin, max_bytes, "standard input");
    if (std::filesystem::is_directory(path)) throw InputError(path.string(), "is a directory");
    std::ifstream in(path, std::ios::binary);
    if (!in) throw InputError(path.string(), "cannot be opened");
    return read_stream(in, max_bytes, path.string());
}

Json read_json_file(const std::filesystem::path& path, const JsonLimits& limits) {
    const auto source = path == "-" ? std::string("standard input") : path.string();
    return parse_json(read_text_file(path, limits.max_bytes), source, limits);
}

std::string quoted(const Json& value) {
    if (value.is_object()) return "an object";
    if (value.is_array()) return "an array";
    std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
    if (text.size() > 60) text = text.substr(0, 57) + "...";
    return text;
}

const std::string& JsonCursor::root() {
    static const std::string slash = "/";
    return slash;
}

void JsonCursor::fail(const std::string& sentence) const { throw InputError(pointer(), sentence); }

std::optional<JsonCursor> JsonCursor::find(std::string_view key) const {
    if (!value_->is_object()) fail("must be an object, is " + quoted(*value_));
    const auto found = value_->find(std::string(key));
    if (found == value_->end() || found->is_null()) return std::nullopt;
    return JsonCursor(*found, pointer_ + "/" + escaped(key));
}

JsonCursor JsonCursor::at(std::string_view key) const {
    if (auto found = find(key)) return *found;
    throw InputError(pointer_ + "/" + escaped(key), "is missing");
}

std::vector<JsonCursor> JsonCursor::elements() const {
    if (!value_->is_array()) fail("must be an array, is " + quoted(*value_));
    std::vector<JsonCursor> out;
    std::size_t index = 0;
    for (const auto& element : *value_) {
        out.emplace_back(element, fmt::format("{}/{}", pointer_, index++));
    }
    return out;
}

std::vector<std::pair<std::string, JsonCursor>> JsonCursor::members() const {
    if (!value_->is_object()) fail("must be an object, is " + quoted(*value_));
    std::vector<std::pair<std::string, JsonCursor>> out;
    for (const auto& [key, value] : value_->items()) {
        out.emplace_back(key, JsonCursor(value, pointer_ + "/" + escaped(key)));
    }
    return out;
}

void JsonCursor::only(std::initializer_list<std::string_view> known) const {
    only(std::vector<std::string>(known.begin(), known.end()));
}

void JsonCursor::only(const std::vector<std::string>& known) const {
    for (const auto& [key, cursor] : members()) {
        if (std::ranges::find(known, key) != known.end()) continue;
        const auto close = nearest(key, known, 1);
        cursor.fail(close.empty()
                        ? "is not a known key"
                        : fmt::format("is not a known key; the nearest is \"{}\"", close[0]));
    }
}

std::int64_t JsonCursor::integer(std::int64_t low, std::int64_t high) const {
    const auto out_of_range = [&] {
        fail(fmt::format("is {}, must be an integer from {} to {}", quoted(*value_), low, high));
    };
    if (value_->is_number_unsigned() &&
        value_->get<std::uint64_t>() >
            static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        out_of_range();
    }
    if (value_->is_number_float()) {
        // 4096.0 and 1e12 are integers that some writers print as floats.
        const double real = value_->get<double>();
        if (!(std::abs(real) < 9e15) || real != std::floor(real)) out_of_range();
        const auto whole = static_cast<std::int64_t>(real);
        if (whole < low || whole > high) out_of_range();
        return whole;
    }
    if (!value_->is_number_integer()) out_of_range();
    const auto whole = value_->get<std::int64_t>();
    if (whole < low || whole > high) out_of_range();
    return whole;
}

double JsonCursor::number(double low, double high) const {
    const bool usable = value_->is_number() && std::isfinite(value_->get<double>());
    if (!usable || value_->get<double>() < low || value_->get<double>() > high) {
        fail(fmt::format("is {}, must be a number from {} to {}", quoted(*value_), low, high));
    }
    return value_->get<double>();
}

bool JsonCursor::boolean() const {
    if (!value_->is_boolean()) fail(fmt::format("is {}, must be true or false", quoted(*value_)));
    return value_->get<bool>();
}

const std::string& JsonCursor::string() const {
    if (!value_->is_string()) fail(fmt::format("is {}, must be a string", quoted(*value_)));
    return value_->get_ref<const std::string&>();
}

std::int64_t JsonCursor::integer_or(std::string_view key, std::int64_t fallback, std::int64_t low,
                                    std::int64_t high) const {
    const auto member = find(key);
    return member ? member->integer(low, high) : fallback;
}

double JsonCursor::number_or(std::string_view key, double fallback, double low, double high) const {
    const auto member = find(key);
    return member ? member->number(low, high) : fallback;
}

bool JsonCursor::boolean_or(std::string_view key, bool fallback) const {
    const auto member = find(key);
    return member ? member->boolean() : fallback;
}

std::string JsonCursor::string_or(std::string_view key, std::string fallback) const {
    const auto member = find(key);
    return member ? member->string() : fallback;
}

}  // namespace headroom
