#include "kernels/cuda_table.h"

namespace headroom {

namespace {

KernelTable make_table(TensorWords words) {
    KernelTable rows{.device = "cuda"};
    for (const auto add : {add_activation_cuda_rows,
                           add_collective_cuda_rows,
                           add_columns_cuda_rows,
                           add_dora_cuda_rows,
                           add_eager_attention_cuda_rows,
                           add_elementwise_cuda_rows,
                           add_embedding_cuda_rows,
                           add_embedding_grad_cuda_rows,
                           add_fake_quantize_cuda_rows,
                           add_grouped_linear_cuda_rows,
                           add_latent_cuda_rows,
                           add_linear_cuda_rows,
                           add_loss_cuda_rows,
                           add_norm_cuda_rows,
                           add_norm_grad_cuda_rows,
                           add_optimizer_cuda_rows,
                           add_permute_cuda_rows,
                           add_quantize_cuda_rows,
                           add_rope_cuda_rows,
                           add_routing_cuda_rows,
                           add_routing_grad_cuda_rows,
                           add_transfer_cuda_rows}) {
        add(rows);
    }
    add_attention_cuda_rows(rows, words);
    return rows;
}

}  // namespace

const KernelTable& cuda_table(TensorWords words) {
    static const KernelTable mma = make_table(TensorWords::mma);
    static const KernelTable wgmma = make_table(TensorWords::wgmma);
    return words == TensorWords::mma ? mma : wgmma;
}

bool cuda_has_wgmma() {
#if defined(HEADROOM_SM90A)
    return true;
#else
    return false;
#endif
}

}  // namespace headroom
