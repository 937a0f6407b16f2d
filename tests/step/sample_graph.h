#pragma once

#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "planner/step/step_graph.h"

namespace headroom {

/// Builds small graphs by hand.
struct SampleGraph {
    StepGraph graph{};
    std::int32_t layer = -1;

    /// A value that is there before the step.
    TensorId input(Shape shape, DType dtype = DType::bf16, std::string_view part = "input.x");
    /// A persistent tensor of any role.
    TensorId persistent(std::string_view part, Shape shape, Role role, DType dtype = DType::bf16);
    /// A parameter and, if `trains`, the persistent f32 gradient it accumulates into.
    TensorId parameter(std::string_view part, Shape shape, bool trains = true);
    /// A transient tensor that nothing has written yet.
    TensorId transient(std::string_view part, Shape shape, DType dtype = DType::bf16,
                       Place place = Place::device);
    /// A view of `rows` rows of a storage.
    TensorId view(TensorId storage, Shape shape, Bytes offset);

    Emitted emit(Op op, std::initializer_list<TensorId> in, std::string_view part);
    TensorId one(Op op, std::initializer_list<TensorId> in, std::string_view part) {
        return emit(std::move(op), in, part).front();
    }
    /// An op with outputs that exist already.
    void put(Op op, std::initializer_list<TensorId> in, std::initializer_list<TensorId> out);
};

/// Index of the first op called `op` in its phase; -1: none.
int find_op(const StepGraph& graph, std::string_view op, std::size_t nth = 0);

/// Forward and backward pass of a decoder with `layers` layers: what a dense model's step looks
/// like.
struct DecoderSize {
    std::int32_t layers = 2;
    std::int64_t tokens = 4096;
    std::int64_t hidden = 4096;
    std::int64_t ffn = 14336;
    std::int64_t heads = 32;
    std::int64_t kv_heads = 8;
    std::int64_t vocabulary = 32768;
};
StepGraph decoder(const DecoderSize& size);

}  // namespace headroom
