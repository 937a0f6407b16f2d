#include "kernels/cuda_table.h"

namespace headroom {

const KernelTable& cuda_table() {
    static const KernelTable table = [] {
        KernelTable rows{.device = "cuda"};
        for (const auto add :
             {add_activation_cuda_rows,     add_attention_cuda_rows, add_collective_cuda_rows,
              add_columns_cuda_rows,        add_dora_cuda_rows,      add_eager_attention_cuda_rows,
              add_elementwise_cuda_rows,    add_embedding_cuda_rows, add_embedding_grad_cuda_rows,
              add_grouped_linear_cuda_rows, add_latent_cuda_rows,    add_linear_cuda_rows,
              add_loss_cuda_rows,           add_norm_cuda_rows,      add_norm_grad_cuda_rows,
              add_optimizer_cuda_rows,      add_permute_cuda_rows,   add_quantize_cuda_rows,
              add_rope_cuda_rows,           add_routing_cuda_rows,   add_routing_grad_cuda_rows,
              add_transfer_cuda_rows}) {
            add(rows);
        }
        return rows;
    }();
    return table;
}

}  // namespace headroom
