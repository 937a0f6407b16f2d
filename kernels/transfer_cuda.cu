#include <algorithm>

#include "kernels/cuda_table.h"
#include "kernels/device/copy.cuh"
#include "kernels/device/refuse.h"
#include "planner/step/op/transfer.h"

namespace headroom {
namespace {

using namespace device;

/// Between device and host memory; a device adds to host memory where that is pinned.
void transfer_cuda(const Transfer& op, const Launch& launch) {
    const TensorView& from = launch.in[0];
    const TensorView& to = launch.out[0];
    if (adds(op.accumulation, launch)) return add_elements(launch, from, to);
    if (from.data == to.data) return;
    if (!from.contiguous() || !to.contiguous()) return copy_rows(launch, from, to);
    const Bytes both = std::min(bytes(from), bytes(to));
    copy_bytes(launch.stream, to.data, from.data, static_cast<std::size_t>(both.count()));
}

std::string refuse_transfer(const Op& op, const Launch& launch) {
    const auto& transfer = std::get<Transfer>(op);
    if (transfer.to == Place::nvme || transfer.from == Place::nvme) {
        return "copies to or from a drive; the CUDA kernels reach device and host memory";
    }
    return refuse_f64(op, launch);
}

}  // namespace

void add_transfer_cuda_rows(KernelTable& table) { set_row<transfer_cuda>(table, refuse_transfer); }

}  // namespace headroom
