#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
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
    bool operator==(const CheckpointState&) const = default;
};

/// A tensor of the run as its bytes lie in memory.
struct CheckpointTensor {
    std::string name{};
    TensorSpec spec{};
    std::span<const std::byte> bytes{};
};

/// Writes a checkpoint. A file of that name stays as it was until the new one is whole and on the
/// disk, so there is a good one at every moment.
void save_checkpoint(const std::filesystem::path& path, const CheckpointState& state,
                     const std::vector<CheckpointTensor>& tensors);

/// A checkpoint, opened to be read. It is a safetensors file with the state in its metadata.
class Checkpoint {
public:
    /// Throws InputError when the file is no checkpoint or is cut short.
    explicit Checkpoint(const std::filesystem::path& path);

    [[nodiscard]] const CheckpointState& state() const { return state_; }
    /// Throws InputError unless the checkpoint is of the step with this digest.
    void expect_digest(const std::string& digest) const;
    /// Copies a tensor; throws InputError when it is missing or of another shape or dtype.
    void read(const std::string& name, const TensorSpec& spec, std::span<std::byte> out) const;
    /// Throws InputError for the first tensor that is none of `names`.
    void expect_only(const std::vector<std::string>& names) const;

private:
    SafetensorsFile file_;
    CheckpointState state_{};
};

}  // namespace headroom
