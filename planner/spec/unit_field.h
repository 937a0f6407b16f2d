#pragma once

#include <fmt/format.h>

#include <cmath>
#include <concepts>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "planner/base/json.h"

namespace headroom {

inline constexpr double kGb = 1e9;  ///< of the keys in _gb_s

enum class Presence { required, optional };

/// One numeric member of a profile `T`: its JSON key (unit in the name), limits and access.
template <class T>
struct UnitField {
    std::string_view group{};  ///< object the key stands in; empty: the profile itself
    std::string_view key{};
    Presence presence = Presence::required;
    double scale = 1.0;  ///< SI units (or bytes) a JSON unit
    double low = 0.0;    ///< limits in the JSON unit
    double high = 0.0;
    double (*get)(const T&) = nullptr;
    void (*set)(T&, double) = nullptr;
    double least = 0.0;  ///< > 0: 0 means "none", and what is there is at least this much
};

/// GB/s of a link or drive that is there: with less, times grow beyond what can be told.
inline constexpr double kLeastRate = 0.01;

template <auto Member, class T>
double get_member(const T& profile) {
    const auto& member = profile.*Member;
    if constexpr (std::is_arithmetic_v<std::remove_cvref_t<decltype(member)>>) {
        return static_cast<double>(member);
    } else {
        return member.real();
    }
}

template <auto Member, class T>
void set_member(T& profile, double value) {
    using M = std::remove_cvref_t<decltype(profile.*Member)>;
    if constexpr (std::is_floating_point_v<M>) {
        profile.*Member = value;
    } else if constexpr (std::is_integral_v<M>) {
        profile.*Member = static_cast<M>(std::llround(value));
    } else if constexpr (std::is_integral_v<typename M::rep>) {
        profile.*Member = M{static_cast<typename M::rep>(std::llround(value))};
    } else {
        profile.*Member = M{value};
    }
}

/// The number with the fewest decimals that `reads_as_before` accepts, near `value`.
template <std::predicate<double> F>
double shortest_number(double value, F reads_as_before) {
    for (const double power : {1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6}) {
        const double candidate = std::round(value * power) / power;
        if (reads_as_before(candidate)) return candidate;
    }
    const double above = std::nextafter(value, HUGE_VAL);
    if (!reads_as_before(value) && reads_as_before(above)) return above;
    const double below = std::nextafter(value, -HUGE_VAL);
    return !reads_as_before(value) && reads_as_before(below) ? below : value;
}

/// A JSON number, without a fraction where there is none.
inline Json number_to_json(double value) {
    const bool whole = value == std::floor(value) && std::abs(value) < 9e15;
    return whole ? Json(static_cast<std::int64_t>(value)) : Json(value);
}

/// An amount as a number of JSON units, as a person would have written it.
inline Json amount_to_json(double amount, double scale) {
    return number_to_json(
        shortest_number(amount / scale, [=](double x) { return x * scale == amount; }));
}

template <class T>
void read_fields(T& profile, std::span<const UnitField<T>> fields, const JsonCursor& json) {
    for (const auto& field : fields) {
        const auto parent = field.group.empty() ? json : json.at(field.group);
        const auto member =
            field.presence == Presence::required ? parent.at(field.key) : parent.find(field.key);
        if (!member) continue;
        const double value = member->number(field.low, field.high);
        if (value > 0.0 && value < field.least) {
            member->fail(fmt::format("is {}, must be 0 or at least {}", quoted(member->value()),
                                     field.least));
        }
        field.set(profile, value * field.scale);
    }
}

template <class T>
void write_fields(const T& profile, std::span<const UnitField<T>> fields, Json& json) {
    for (const auto& field : fields) {
        Json& parent = field.group.empty() ? json : json[std::string(field.group)];
        const double amount = field.get(profile);
        const auto reads_back = [&](double candidate) {
            T copy{};
            field.set(copy, candidate * field.scale);
            return field.get(copy) == amount;
        };
        parent[std::string(field.key)] =
            number_to_json(shortest_number(amount / field.scale, reads_back));
    }
}

/// Keys of the fields at the top level (`group` empty) or of one group, once each.
template <class T>
std::vector<std::string> keys_of(std::span<const UnitField<T>> fields, std::string_view group) {
    std::vector<std::string> keys;
    for (const auto& field : fields) {
        if (field.group == group) keys.emplace_back(field.key);
        const bool nested = group.empty() && !field.group.empty();
        if (nested && (keys.empty() || keys.back() != field.group)) keys.emplace_back(field.group);
    }
    return keys;
}

}  // namespace headroom
