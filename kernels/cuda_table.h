#pragma once

#include <string>

#include "kernels/kernel_table.h"

namespace headroom {

// Each family of CUDA kernels puts its own rows in.
void add_activation_cuda_rows(KernelTable& table);
void add_attention_cuda_rows(KernelTable& table, TensorWords words);
void add_collective_cuda_rows(KernelTable& table);
void add_columns_cuda_rows(KernelTable& table);
void add_dora_cuda_rows(KernelTable& table);
void add_eager_attention_cuda_rows(KernelTable& table);
void add_elementwise_cuda_rows(KernelTable& table);
void add_embedding_cuda_rows(KernelTable& table);
void add_embedding_grad_cuda_rows(KernelTable& table);
void add_fake_quantize_cuda_rows(KernelTable& table);
void add_grouped_linear_cuda_rows(KernelTable& table);
void add_latent_cuda_rows(KernelTable& table);
void add_linear_cuda_rows(KernelTable& table);
void add_loss_cuda_rows(KernelTable& table);
void add_norm_cuda_rows(KernelTable& table);
void add_norm_grad_cuda_rows(KernelTable& table);
void add_optimizer_cuda_rows(KernelTable& table);
void add_permute_cuda_rows(KernelTable& table);
void add_quantize_cuda_rows(KernelTable& table);
void add_rope_cuda_rows(KernelTable& table);
void add_routing_cuda_rows(KernelTable& table);
void add_routing_grad_cuda_rows(KernelTable& table);
void add_transfer_cuda_rows(KernelTable& table);

}  // namespace headroom
