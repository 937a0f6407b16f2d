#pragma once

#include <string>

#include "kernels/kernel_table.h"

namespace headroom::device {

/// The CUDA kernels compute in single precision; gradient checks in f64 run on the CPU.
inline std::string refuse_f64(const Op&, const Launch& launch) {
    const auto wide = [](std::span<const TensorView> views) {
        for (const auto& view : views) {
            if (view.dtype == DType::f64) return true;
        }
        return false;
    };
    if (wide(launch.in) || wide(launch.out)) return "the CUDA kernels have no double precision";
    return {};
}

}  // namespace headroom::device
