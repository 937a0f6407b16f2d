#pragma once

#include "kernels/kernel_table.h"

namespace headroom::test {

/// Rows of CUDA kernels for the emulation: launches that lack a matrix library get one that
/// multiplies on the host what cuBLASLt would be told to.
const KernelTable& emulated_matrix_table();

}  // namespace headroom::test
