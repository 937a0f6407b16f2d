#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstdint>
#include <type_traits>
#include <variant>
#include <vector>

#include "planner/step/attributes.h"
#include "planner/step/dump.h"

namespace headroom {
namespace {

/// A running 64-bit hash of words: FNV-1a over words, with the high half folded back so that every
/// bit of a word reaches every bit of the hash.
class Hash {
public:
    void add(std::uint64_t word) {
        state_ = (state_ ^ word) * 0x9E3779B97F4A7C15U;
        state_ ^= state_ >> 29;
    }
    template <class T>
    void add_value(const T& value) {
        if constexpr (std::is_floating_point_v<T>) {
            add(std::bit_cast<std::uint64_t>(static_cast<double>(value)));
        } else {
            add(static_cast<std::uint64_t>(value));
        }
    }
    [[nodiscard]] std::uint64_t value() const { return state_; }

private:
    std::uint64_t state_ = 0x2545F4914F6CDD1DU;
};

/// FNV-1a of a text.
std::uint64_t word_of(std::string_view text) {
    std::uint64_t word = 0xCBF29CE484222325U;
    for (const char c : text) word = (word ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
    return word;
}

/// Numbers tensors by their first appearance, and hashes each of them there, once.
class Digest {
public:
    explicit Digest(const StepGraph& graph) : graph_(graph), number_(graph.tensors.size()) {}

    std::uint64_t run() {
        hash_.add_value(graph_.micro_steps);
        for (const auto& node : graph_.ops) add(node);
        // Persistent bytes that no op touches occupy memory all the same.
        for (std::size_t i = 0; i < graph_.tensors.size(); ++i) {
            if (graph_.tensors[i].persistent) add(TensorId{static_cast<std::int32_t>(i)});
        }
        return hash_.value();
    }

private:
    void add(const OpNode& node);
    void add(TensorId id);
    /// The hash of an op's name, made once for each kind of op.
    std::uint64_t name_word(const Op& op) {
        std::uint64_t& word = name_word_[op.index()];
        if (word == 0) word = word_of(name(op));
        return word;
    }

    const StepGraph& graph_;
    std::vector<std::uint32_t> number_;  ///< by tensor; 0: not yet seen
    std::uint32_t seen_ = 0;
    std::array<std::uint64_t, std::variant_size_v<Op>> name_word_{};
    Hash hash_{};
};

void Digest::add(const OpNode& node) {
    hash_.add(node.op.index());
    hash_.add(name_word(node.op));
    for_each_attribute(node.op,
                       [&](std::string_view, const auto& value) { hash_.add_value(value); });
    hash_.add(static_cast<std::uint64_t>(node.phase) << 16 |
              static_cast<std::uint64_t>(node.when) << 8 |
              static_cast<std::uint64_t>(node.recomputed));
    hash_.add(static_cast<std::uint64_t>(node.in_count) << 16 | node.out_count);
    for (const auto id : graph_.inputs(node)) add(id);
    for (const auto id : graph_.outputs(node)) add(id);
}

void Digest::add(TensorId id) {
    const auto index = static_cast<std::size_t>(id.index);
    if (number_[index] != 0) {
        hash_.add(number_[index]);
        return;
    }
    number_[index] = ++seen_;
    const Tensor& tensor = graph_.tensors[index];
    hash_.add(static_cast<std::uint64_t>(tensor.shape.rank()) << 40 |
              static_cast<std::uint64_t>(tensor.dtype) << 24 |
              static_cast<std::uint64_t>(tensor.role) << 16 |
              static_cast<std::uint64_t>(tensor.place) << 8 |
              static_cast<std::uint64_t>(tensor.persistent));
    for (const auto extent : tensor.shape.extents()) hash_.add_value(extent);
    if (tensor.storage == id) return;
    hash_.add_value(tensor.offset.count());
    hash_.add_value(tensor.row_stride);
    add(tensor.storage);
}

}  // namespace

std::string digest(const StepGraph& graph) { return fmt::format("{:016x}", Digest(graph).run()); }

}  // namespace headroom
