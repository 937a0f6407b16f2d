#pragma once

#include "kernels/kernel_table.h"

namespace headroom {

// Rows that add_attention_cuda_rows and add_eager_attention_cuda_rows put in beside their own.
void add_attention_grad_cuda_rows(KernelTable& table, TensorWords words);
void add_softmax_cuda_rows(KernelTable& table);

}  // namespace headroom
