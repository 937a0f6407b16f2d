#include <array>

#include "planner/engine/rows.h"

namespace headroom {
namespace {

constexpr std::array kNativeRows{
    Engine{.id = "llmq",
           .version = "2025",
           .framework = "llmq",
           .describes = "C++ and CUDA, every buffer allocated once",
           .decomposition = {.loss = LossStyle::chunked},
           .states = {.weight = 2.0, .gradient = 2.0, .master = 2.0, .moments = 4.0},
           .buffers = {.workspaces = mebibytes(32)},
           .weight_gradient = WeightGradient::main,
           .launch = Launch::graphs,
           .attention = AttentionKernel::native},
    Engine{.id = "llm.c",
           .version = "2024",
           .framework = "llm.c",
           .describes = "C and CUDA, every buffer allocated once",
           .decomposition = {.loss = LossStyle::fused},
           .states = {.weight = 2.0, .gradient = 2.0, .master = 4.0, .moments = 8.0},
           .buffers = {.workspaces = mebibytes(32)},
           .weight_gradient = WeightGradient::main,
           .launch = Launch::native},
};

}  // namespace

std::span<const Engine> native_rows() { return kNativeRows; }

}  // namespace headroom
