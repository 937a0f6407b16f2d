#pragma once

#include <string>

namespace headroom {

/// "OpenBLAS 0.3.21, SkylakeX kernels": what the matrix products of the CPU kernels run on.
std::string blas_name();

}  // namespace headroom
