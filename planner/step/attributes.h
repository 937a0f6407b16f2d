#pragma once

#include <string_view>
#include <variant>

#include "planner/step/op.h"

namespace headroom {

/// An op, or a struct in one, that calls visit(name, value) for each of its attributes.
template <class T>
concept HasFields = requires(const T& value) {
    value.fields([](std::string_view, const auto&) {});
};

/// Calls visit(name, value) for every attribute of an op, those of nested structs included.
template <class T, class Visit>
void for_each_attribute(const T& value, const Visit& visit);

template <class T, class Visit>
void visit_attribute(std::string_view name, const T& value, const Visit& visit) {
    if constexpr (HasFields<T>) {
        for_each_attribute(value, visit);
    } else {
        visit(name, value);
    }
}

template <class T, class Visit>
void for_each_attribute(const T& value, const Visit& visit) {
    value.fields(
        [&](std::string_view name, const auto& field) { visit_attribute(name, field, visit); });
}

template <class Visit>
void for_each_attribute(const Op& op, const Visit& visit) {
    std::visit([&](const auto& value) { for_each_attribute(value, visit); }, op);
}

}  // namespace headroom
