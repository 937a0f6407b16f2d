#pragma once

#include <fmt/format.h>

#include "kernels/cpu/number.h"
#include "planner/base/dtype.h"
#include "planner/base/error.h"

namespace headroom {

/// Calls visit(T{}) with the storage type of a floating dtype: double, float, BFloat16 or Float16.
template <class Visit>
decltype(auto) with_float(DType dtype, const Visit& visit) {
    switch (dtype) {
        case DType::f64:
            return visit(double{});
        case DType::f32:
            return visit(float{});
        case DType::bf16:
            return visit(BFloat16{});
        case DType::f16:
            return visit(Float16{});
        default:
            throw InternalError(fmt::format("no CPU kernel computes on {}", name(dtype)));
    }
}

}  // namespace headroom
