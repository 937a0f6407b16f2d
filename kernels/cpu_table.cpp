#include "kernels/cpu_table.h"

namespace headroom {

const KernelTable& cpu_table() {
    static const KernelTable table = [] {
        KernelTable rows{.device = "cpu"};
        for (const auto add :
             {add_activation_rows, add_attention_rows, add_collective_rows, add_dora_rows,
              add_eager_attention_rows, add_elementwise_rows, add_embedding_rows,
              add_fake_quantize_rows, add_grouped_linear_rows, add_latent_rows, add_linear_rows,
              add_loss_rows, add_norm_rows, add_optimizer_rows, add_quantize_rows, add_rope_rows,
              add_routing_rows, add_transfer_rows}) {
            add(rows);
        }
        return rows;
    }();
    return table;
}

}  // namespace headroom
