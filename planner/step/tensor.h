#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "planner/base/dtype.h"
#include "planner/base/units.h"

namespace headroom {

/// Index of a tensor in its StepGraph; -1 is "none".
struct TensorId {
    std::int32_t index = -1;
    constexpr auto operator<=>(const TensorId&) const = default;
    [[nodiscard]] constexpr bool valid() const { return index >= 0; }
};

/// Up to four extents; rank 0 is a scalar.
class Shape {
public:
    static constexpr std::size_t kMaxRank = 4;
    constexpr Shape() = default;
    constexpr Shape(std::initializer_list<std::int64_t> extents) {
        for (const auto extent : extents) extent_[rank_++] = extent;
    }
    [[nodiscard]] constexpr std::size_t rank() const { return rank_; }
    constexpr std::int64_t operator[](std::size_t axis) const { return extent_[axis]; }
    constexpr std::int64_t& operator[](std::size_t axis) { return extent_[axis]; }
    [[nodiscard]] constexpr std::int64_t back() const { return extent_[rank_ - 1]; }
    [[nodiscard]] std::span<const std::int64_t> extents() const { return {extent_.data(), rank_}; }
    constexpr bool operator==(const Shape&) const = default;

private:
    std::array<std::int64_t, kMaxRank> extent_{};
    std::size_t rank_ = 0;
};

/// Product of the extents; throws InputError when it leaves 2^62.
std::int64_t numel(const Shape& shape);
/// "(4096, 14336)".
std::string to_string(const Shape& shape);

/// What a tensor is for: the categories of a memory breakdown.
enum class Role : std::uint8_t {
    parameter,
    master,
    gradient,
    optimizer,
    activation,
    logits,
    workspace,
    communication,
};
inline constexpr std::size_t kRoles = 8;
inline constexpr std::array<std::string_view, kRoles> kRoleNames{
    "parameters",  "master", "gradients", "optimizer",
    "activations", "logits", "workspace", "communication"};
constexpr std::string_view name(Role role) { return kRoleNames[static_cast<std::size_t>(role)]; }

/// Where the bytes lie.
enum class Place : std::uint8_t { device, host, nvme };

/// A model of a step: the one that is trained, or one that shows it how (distillation).
enum class Subject : std::uint8_t { student, teacher };
/// A teacher's layers are counted down from -3, and what lies outside of them is -2: a step's
/// number for a layer of the teacher's own model.
constexpr std::int32_t teacher_layer(std::int32_t own) { return -3 - own; }
constexpr bool is_teacher(std::int32_t layer) { return layer < -1; }
/// A layer in its own model; -1: outside of its layers.
constexpr std::int32_t own_layer(std::int32_t layer) {
    return is_teacher(layer) ? -3 - layer : layer;
}

/// Part of a model and the layer it belongs to (-1: outside the layers; below: a teacher's); text
/// is made on demand.
struct Label {
    std::string_view part{};  ///< static text: "attn.q_proj.weight"
    std::int32_t layer = -1;
    bool gradient = false;
    bool operator==(const Label&) const = default;
};
std::string to_string(const Label& label);

struct TensorSpec {
    Shape shape{};
    DType dtype = DType::bf16;
};
inline Bytes bytes(const TensorSpec& spec) {
    return Bytes{bytes_of(numel(spec.shape), spec.dtype)};
}

/// How tensor parallelism splits a parameter: by output rows, by input columns, or not at all.
enum class Split : std::uint8_t { none, rows, columns };
/// Which state unit a parameter belongs to: its layer's, its layer's experts, or one of the two
/// outside the layers.
enum class UnitKind : std::uint8_t { dense, expert, embedding, head };

/// What only parameters have.
struct ParameterInfo {
    bool is_parameter = false;
    bool trainable = true;
    bool decay = true;  ///< weight decay applies (matrices)
    Split split = Split::none;
    std::int64_t kv_heads = 0;  ///< > 0: `kv_rows` of the rows belong to this many key/value heads
    std::int64_t kv_rows = 0;
    UnitKind unit = UnitKind::dense;
    bool adapter = false;    ///< added by an adapter; not part of the base model
    bool pruned = false;     ///< its unit's mask says which of its elements are held at 0
    bool tied_copy = false;  ///< a second stage's copy of the tied table; not counted again
    TensorId gradient{};     ///< where its gradient accumulates; none when frozen
    TensorId copy_of{};      ///< of weights that are brought in for a use: the parameter
};

/// A value of the step. `storage` is the tensor whose bytes it lies in (itself unless a view).
struct Tensor : TensorSpec {
    Label label{};
    Role role = Role::activation;
    Place place = Place::device;
    TensorId storage{};
    Bytes offset{};  ///< into the storage
    /// Elements from one row to the next, of a block of columns; 0: rows lie side by side.
    std::int64_t row_stride = 0;
    bool persistent = false;
    bool needs_gradient = false;
    ParameterInfo parameter{};
};

/// One output that an op declares. `alias` names the input whose bytes it reuses (-1: new bytes).
struct OutputSpec {
    Shape shape{};
    DType dtype = DType::bf16;
    Role role = Role::activation;
    int alias = -1;
    std::string_view part{};
    std::int64_t column = -1;  ///< >= 0: a block of columns of the alias, starting there
};

/// The outputs of one op, in order; a fixed-capacity list so that lowering does not allocate.
class Outputs {
public:
    static constexpr std::size_t kMax = 8;
    Outputs() = default;
    Outputs(std::initializer_list<OutputSpec> list) {
        for (const auto& entry : list) push(entry);
    }
    void push(const OutputSpec& spec) { entry_[size_++] = spec; }
    [[nodiscard]] const OutputSpec* begin() const { return entry_.data(); }
    [[nodiscard]] const OutputSpec* end() const { return entry_.data() + size_; }
    [[nodiscard]] std::size_t size() const { return size_; }

private:
    std::array<OutputSpec, kMax> entry_{};
    std::size_t size_ = 0;
};

/// Work of one op: FLOPs of the mathematics, FLOPs executed on matrix and vector units, bytes
/// moved.
struct Work {
    Flops model{};   ///< matrix work that the mathematics asks for
    Flops matrix{};  ///< matrix work that the kernel executes
    Flops vector{};
    Bytes moved{-1};  ///< -1: every operand once
};

}  // namespace headroom
