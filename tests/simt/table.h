#pragma once

#include "kernels/kernel_table.h"

namespace headroom::test {

/// The CUDA kernels, emulated; rows of ops that need a matrix library are the CPU's.
const KernelTable& simt_table();

}  // namespace headroom::test
