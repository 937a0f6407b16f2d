#pragma once

#include <map>

#include "planner/technique/replay.h"

namespace headroom {

/// Whether the scales of quantized weights are quantized in their turn (QLoRA's double
/// quantization).
enum class Scales { plain, quantized };

/// Puts NF4 codes and their scales in the place of matrices while a graph is replayed, and a kernel
/// in front of their readers that makes the numbers again.
class WeightQuantizer {
public:
    WeightQuantizer(Replay& replay, Scales scales) : replay_(replay), scales_(scales) {}

    /// The temporary that `node` reads in place of a matrix of the new graph.
    TensorId dequantized(const OpNode& node, TensorId weight);
    /// The parameter behind a temporary; any other tensor is itself.
    [[nodiscard]] TensorId codes_of(TensorId weight) const;

private:
    [[nodiscard]] static Tensor scale_tensor(const Tensor& base, std::string_view part,
                                             std::int64_t count, DType dtype);

    Replay& replay_;
    Scales scales_;
    std::map<TensorId, TensorId> codes_of_{};
    std::map<TensorId, TensorId> temporary_of_{};
};

/// Keeps the matrices of a teacher's blocks in 4 bits.
void quantize_teacher(Lowering& lowering);

}  // namespace headroom
