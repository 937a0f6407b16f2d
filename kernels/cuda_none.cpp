#include "kernels/kernel_table.h"

namespace headroom {

const KernelTable& cuda_table() {
    static constexpr KernelTable kNone{.device = "cuda"};
    return kNone;
}

}  // namespace headroom
