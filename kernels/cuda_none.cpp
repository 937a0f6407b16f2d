#include "kernels/kernel_table.h"

namespace headroom {

const KernelTable& cuda_table(TensorWords /*words*/) {
    static constexpr KernelTable kNone{.device = "cuda"};
    return kNone;
}

bool cuda_has_wgmma() { return false; }

}  // namespace headroom
