#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "planner/step/tensor.h"
#include "runtime/data/safetensors_reader.h"

namespace headroom {

/// What a run is besides its tensors.
struct CheckpointState {
    std::int64_t step = 0;     ///< next
    std::int64_t updates = 0;  ///< made; steps that overflowed made none
    std::uint64_t seed = 0;
    double loss_scale = 1.0;
    std::int64_t steps_since_overflow = 0;  ///< what decides when the loss scale grows
    std::string digest{};                   ///< of the step that was run
    std::string tokens{};                   ///< description of the token source
    std::string frozen{};                   ///< fingerprint of the weights that no step changes
    bool operator==(const CheckpointState&) const = default;
};

/// A tensor of the run.
struct CheckpointTensor {
    std::string name{};
    TensorSpec spec{};
};
/// The bytes of tensor `index` of a list as they lie in memory; used before the next is asked for.
using CheckpointBytes = std::function<std::span<const std::byte>(std::size_t index)>;

/// Writes a checkpoint, one tensor after the other. A file of that name stays as it was until the
/// new one is whole and on the disk, so there is a good one at every moment.
void save_checkpoint(const std::filesystem::path& path, const CheckpointState& state,
                     const std::vector<CheckpointTensor>& tensors, const CheckpointBytes& bytes_of);

/// 64 bits that follow from a row of tensors' bytes: two rows that differ have the same with a
/// chance of 2^-64.
class Fingerprint {
public:
    void add(std::span<const std::byte> bytes);
    [[nodiscard]] std::string text() const;

private:
    static constexpr std::size_t kLanes = 4;  ///< a chain of multiplications each, side by side
    std::array<std::uint64_t, kLanes> lanes_{};
};

/// A checkpoint, opened to be read. It is a safetensors file with the state in its metadata.
class Checkpoint {
public:
    /// Throws InputError when the file is no checkpoint or is cut short.
    explicit Checkpoint(const std::filesystem::path& path);

    [[nodiscard]] const CheckpointState& state() const { return state_; }
    /// Throws InputError unless the checkpoint is of the step with this digest.
    void expect_digest(const std::string& digest) const;
    /// Throws InputError unless the run's frozen weights had this fingerprint.
    void expect_frozen(const std::string& fingerprint) const;
    /// Copies a tensor; throws InputError when it is missing or of another shape or dtype.
    void read(const std::string& name, const TensorSpec& spec, std::span<std::byte> out) const;

private:
    SafetensorsFile file_;
    CheckpointState state_{};
};

}  // namespace headroom
