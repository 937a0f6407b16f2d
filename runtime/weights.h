#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "planner/spec/plan_request.h"
#include "runtime/executor.h"
#include "runtime/parameters.h"

namespace headroom {

/// Reads and writes the parameters of an executor's graph as fp32 numbers, wherever and however
/// they are kept: shards, host memory, 16 bit with a master copy, NF4 with its scales.
class Weights {
public:
    /// Where the graph has masks, `prune` says what is pruned of a matrix that is written.
    explicit Weights(Executor& executor, const PruneSpec& prune = {});

    /// Parameters that hold numbers of their own (not the scales of quantized ones).
    [[nodiscard]] std::span<const ParameterHome> homes() const { return homes_; }
    [[nodiscard]] const Tensor& tensor(const ParameterHome& home) const;

    /// All elements of a parameter, row by row; a shard takes those that it keeps. Codes and scales
    /// of NF4 are made here, and pruned weights are taken out.
    void write(const ParameterHome& home, std::span<const float> values);
    /// The kept elements, from the master where there is one; zeros for those of other shards.
    [[nodiscard]] std::vector<float> read(const ParameterHome& home);

private:
    struct Quantization {
        TensorId scales{};
        TensorId super_scales{};  ///< none: scales are fp32
        TensorId offset{};
    };

    /// A unit by its layer and kind.
    using UnitName = std::pair<std::int32_t, UnitKind>;

    /// The numbers of a matrix without those that are pruned, whose bits go into the unit's mask.
    [[nodiscard]] std::vector<float> pruned(const ParameterHome& home, TensorId mask,
                                            std::span<const float> values);
    void put(TensorId tensor, std::int64_t first, std::span<const float> values);
    [[nodiscard]] std::vector<float> get(TensorId tensor, std::int64_t first, std::int64_t count);
    void put_bytes(TensorId tensor, std::int64_t first, std::span<const std::byte> bytes);
    [[nodiscard]] std::vector<std::byte> get_bytes(TensorId tensor, std::int64_t first,
                                                   std::int64_t count);
    /// What is kept of a parameter's bytes; where others keep the rest it is zeros.
    void put_kept(TensorId parameter, std::span<const std::byte> bytes);
    [[nodiscard]] std::vector<std::byte> get_kept(TensorId parameter);
    /// `size` bytes of a kept tensor from element `first` on. Throws InternalError where they
    /// do not lie in it.
    [[nodiscard]] TensorView kept_at(TensorId tensor, std::int64_t first, std::int64_t size) const;
    void quantize(const ParameterHome& home, std::span<const float> values);
    [[nodiscard]] std::vector<float> dequantize(const ParameterHome& home);

    Executor& executor_;
    PruneSpec prune_;
    std::map<UnitName, TensorId> masks_{};
    std::vector<ParameterHome> homes_{};
    std::map<TensorId, ParameterHome> home_of_{};  ///< of scales too
    std::map<TensorId, Quantization> quantization_{};
    std::vector<std::byte> converted_{};  ///< of one tensor, in its dtype
};

/// Fills every parameter from a seed: matrices ~ N(0, 0.02), gains 1, biases 0, adapters as PEFT
/// (A uniform, B zero, a magnitude the row norms of its matrix). A parameter's numbers depend on
/// the seed, its name and its layer alone.
void initialize(Weights& weights, const StepGraph& graph, std::uint64_t seed);
/// DoRA's magnitudes: the row norms of the matrices as they are now (after weights were loaded).
void initialize_magnitudes(Weights& weights, const StepGraph& graph);

}  // namespace headroom
