#include <algorithm>

#include "kernels/cpu/copy.h"
#include "kernels/cpu_table.h"

namespace headroom {
namespace {

/// Every place is this process's memory.
void transfer_cpu(const Transfer& op, const Launch& launch) {
    const TensorView& from = launch.in[0];
    const TensorView& to = launch.out[0];
    if (adds(op.accumulation, launch)) return add_elements(from, to, launch);
    if (from.data == to.data) return;
    if (!from.contiguous() || !to.contiguous()) return copy_rows(from, to);
    copy_bytes(from.data, std::min(bytes(from), bytes(to)).count(), to.data);
}

}  // namespace

void add_transfer_rows(KernelTable& table) { set_row<transfer_cpu>(table); }

}  // namespace headroom
