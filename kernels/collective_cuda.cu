#include <algorithm>

#include "kernels/cuda_table.h"
#include "kernels/device/copy.cuh"
#include "kernels/device/refuse.h"
#include "kernels/dropout_mask.h"
#include "planner/step/op/collective.h"

namespace headroom {
namespace {

using namespace device;

// One rank of a plan runs alone: the others are taken to hold what it holds, and it is the first.

/// Elements one after the other: `in` again and again, or once and then zeros.
void fill_flat(const Launch& launch, const TensorView& in, const TensorView& out, bool repeats) {
    const std::int64_t own = bytes(in).count();
    const std::int64_t all = bytes(out).count();
    const std::int64_t copied = repeats ? all : std::min(own, all);
    for (std::int64_t first = 0; first < copied; first += own) {
        copy_bytes(launch.stream, out.data + first, in.data,
                   static_cast<std::size_t>(std::min(own, copied - first)));
    }
    fill_bytes(launch.stream, out.data + copied, 0, static_cast<std::size_t>(all - copied));
}

bool flat(const TensorView& in, const TensorView& out) {
    return in.contiguous() && out.contiguous() &&
           (in.shape.rank() < 2 || in.columns() == out.columns());
}

void collective_cuda(const Collective& op, const Launch& launch) {
    if (op.kind == CollectiveKind::send) return;
    const TensorView& in = launch.in[0];
    const TensorView& out = launch.out[0];
    if (adds(op.accumulation, launch)) return add_elements(launch, in, out);
    // A shard that is gathered where it lies is in its place, the first.
    if (in.data == out.data) return;
    if (!flat(in, out)) return copy_rows(launch, in, out);
    fill_flat(launch, in, out,
              op.kind == CollectiveKind::all_gather || op.kind == CollectiveKind::all_to_all);
}

/// Values that another stage could have sent: of mean 0 and variance 1, the same in every run.
template <class T>
struct SentValues {
    const StepScalars* scalars = nullptr;
    std::int32_t layer = 0;
    std::int64_t columns = 0;
    Rows<T> x{};
    template <int N>
    __device__ __forceinline__ void run(std::int64_t row, std::int64_t column) const {
        const RandomKey key = random_key(*scalars, layer, kReceiveSite);
        const auto first = static_cast<std::uint64_t>(row * columns + column);
        Floats<N> value;
#pragma unroll
        for (int i = 0; i < N; ++i) {
            value[i] = pseudo_normal(key, first + static_cast<std::uint64_t>(i));
        }
        store<N>(x.at(row, column), value);
    }
};

void receive_cuda(const Receive&, const Launch& launch) {
    const TensorView& x = launch.out[0];
    with_float(x.dtype, [&]<class T>(T) {
        for_each<T>(launch, {&x},
                    SentValues<T>{launch.scalars, launch.layer, x.columns(), rows_of<T>(x)});
    });
}

/// A view of its input.
void copy_to_group_cuda(const CopyToGroup&, const Launch&) {}

/// Ops run one after the other on one stream.
void wait_cuda(const Wait&, const Launch&) {}

}  // namespace

void add_collective_cuda_rows(KernelTable& table) {
    set_row<collective_cuda>(table, refuse_f64);
    set_row<receive_cuda>(table, refuse_f64);
    set_row<copy_to_group_cuda>(table);
    set_row<wait_cuda>(table);
}

}  // namespace headroom
