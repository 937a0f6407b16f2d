#include "planner/step/dump.h"

#include <fmt/format.h>

#include <array>
#include <iterator>
#include <span>
#include <type_traits>

#include "planner/step/attributes.h"

namespace headroom {
namespace {

using Buffer = fmt::memory_buffer;

constexpr std::array<std::string_view, 3> kPlaceNames{"device", "host", "nvme"};
constexpr std::array<std::string_view, 3> kAccumulationNames{"overwrite", "add", "add_after_first"};

/// The word of an enumerator, or its number where it has none.
template <class T>
void print_enum(Buffer& out, T value) {
    const auto index = static_cast<std::size_t>(value);
    auto to = std::back_inserter(out);
    if constexpr (requires { name(value); }) {
        fmt::format_to(to, "{}", name(value));
    } else if constexpr (std::is_same_v<T, Place>) {
        fmt::format_to(to, "{}", kPlaceNames[index]);
    } else if constexpr (std::is_same_v<T, Accumulation>) {
        fmt::format_to(to, "{}", kAccumulationNames[index]);
    } else if constexpr (std::is_same_v<T, Axis>) {
        fmt::format_to(to, "{}", kAxisNames[index]);
    } else if constexpr (std::is_same_v<T, CollectiveKind>) {
        fmt::format_to(to, "{}", kCollectiveNames[index]);
    } else {
        fmt::format_to(to, "{}", index);
    }
}

void print_attributes(Buffer& out, const Op& op) {
    for_each_attribute(op, [&](std::string_view key, const auto& value) {
        fmt::format_to(std::back_inserter(out), " {}=", key);
        if constexpr (std::is_enum_v<std::remove_cvref_t<decltype(value)>>) {
            print_enum(out, value);
        } else {
            // A double prints as the shortest text that reads back as the same number.
            fmt::format_to(std::back_inserter(out), "{}", value);
        }
    });
}

void print_operands(Buffer& out, const StepGraph& graph, std::span<const TensorId> ids) {
    for (const auto id : ids) {
        const Tensor& tensor = graph[id];
        fmt::format_to(std::back_inserter(out), " %{}:{}{}{}", id.index, to_string(tensor.label),
                       to_string(tensor.shape), name(tensor.dtype));
    }
}

}  // namespace

std::string dump(const StepGraph& graph) {
    Buffer out;
    fmt::format_to(std::back_inserter(out), "micro_steps {}\n", graph.micro_steps);
    for (std::size_t at = 0; at < graph.ops.size(); ++at) {
        const OpNode& node = graph.ops[at];
        fmt::format_to(std::back_inserter(out), "{} {} {}", at, name(node.phase), name(node.op));
        if (node.when != When::every) {
            fmt::format_to(std::back_inserter(out), " when={}",
                           node.when == When::first ? "first" : "last");
        }
        if (node.recomputed) fmt::format_to(std::back_inserter(out), " recomputed");
        print_attributes(out, node.op);
        fmt::format_to(std::back_inserter(out), " |");
        print_operands(out, graph, graph.inputs(node));
        fmt::format_to(std::back_inserter(out), " ->");
        print_operands(out, graph, graph.outputs(node));
        out.push_back('\n');
    }
    return fmt::to_string(out);
}

}  // namespace headroom
