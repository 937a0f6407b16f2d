#pragma once

#include "kernels/kernel_table.h"

namespace headroom {

// Each family of CPU kernels puts its own rows in.
void add_activation_rows(KernelTable& table);
void add_attention_rows(KernelTable& table);
void add_collective_rows(KernelTable& table);
void add_dora_rows(KernelTable& table);
void add_eager_attention_rows(KernelTable& table);
void add_elementwise_rows(KernelTable& table);
void add_embedding_rows(KernelTable& table);
void add_fake_quantize_rows(KernelTable& table);
void add_grouped_linear_rows(KernelTable& table);
void add_latent_rows(KernelTable& table);
void add_linear_rows(KernelTable& table);
void add_loss_rows(KernelTable& table);
void add_norm_rows(KernelTable& table);
void add_optimizer_rows(KernelTable& table);
void add_quantize_rows(KernelTable& table);
void add_rope_rows(KernelTable& table);
void add_routing_rows(KernelTable& table);
void add_transfer_rows(KernelTable& table);

}  // namespace headroom
