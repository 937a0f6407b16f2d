#include "tests/simt/table.h"

#include "kernels/cuda_table.h"

namespace headroom::test {

const KernelTable& simt_table() {
    static const KernelTable table = [] {
        KernelTable rows = cpu_table();
        rows.device = "emulated cuda";
        for (const auto add :
             {add_activation_cuda_rows, add_collective_cuda_rows, add_columns_cuda_rows,
              add_dora_cuda_rows, add_elementwise_cuda_rows, add_embedding_cuda_rows,
              add_embedding_grad_cuda_rows, add_fake_quantize_cuda_rows, add_latent_cuda_rows,
              add_norm_cuda_rows, add_norm_grad_cuda_rows, add_optimizer_cuda_rows,
              add_permute_cuda_rows, add_quantize_cuda_rows, add_rope_cuda_rows,
              add_routing_cuda_rows, add_routing_grad_cuda_rows, add_transfer_cuda_rows}) {
            add(rows);
        }
        return rows;
    }();
    return table;
}

}  // namespace headroom::test
