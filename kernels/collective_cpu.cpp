#include <algorithm>
#include <cstring>

#include "kernels/cpu/copy.h"
#include "kernels/cpu/dispatch.h"
#include "kernels/cpu/elements.h"
#include "kernels/cpu_table.h"
#include "kernels/dropout_mask.h"

namespace headroom {
namespace {

// One rank of a plan runs alone: the others are taken to hold what it holds, and it is the first.

/// Whether what the others send follows what is this rank's own.
enum class Rest { repeats, zeros };

/// Elements one after the other.
void fill_flat(const TensorView& in, const TensorView& out, Rest rest) {
    const std::int64_t own = bytes(in).count();
    const std::int64_t all = bytes(out).count();
    const std::int64_t copied = rest == Rest::repeats ? all : std::min(own, all);
    for (std::int64_t first = 0; first < copied; first += own) {
        copy_bytes(in.data, std::min(own, copied - first), out.data + first);
    }
    std::memset(out.data + copied, 0, static_cast<std::size_t>(all - copied));
}

bool flat(const TensorView& in, const TensorView& out) {
    return in.contiguous() && out.contiguous() &&
           (in.shape.rank() < 2 || in.columns() == out.columns());
}

void collective_cpu(const Collective& op, const Launch& launch) {
    if (op.kind == CollectiveKind::send) return;
    const TensorView& in = launch.in[0];
    const TensorView& out = launch.out[0];
    if (adds(op.accumulation, launch)) return add_elements(in, out, launch);
    // A shard that is gathered where it lies is in its place, the first.
    if (in.data == out.data) return;
    if (!flat(in, out)) return copy_rows(in, out);
    const bool repeats =
        op.kind == CollectiveKind::all_gather || op.kind == CollectiveKind::all_to_all;
    fill_flat(in, out, repeats ? Rest::repeats : Rest::zeros);
}

/// Values that another stage could have sent: of mean 0 and variance 1, the same in every run.
void receive_cpu(const Receive&, const Launch& launch) {
    const TensorView& x = launch.out[0];
    const RandomKey key = random_key(*launch.scalars, launch.layer, kReceiveSite);
    with_float(x.dtype, [&]<class T>(T) {
        for_each_run({x.rows(), x.columns()}, [&](const Run& run) {
            T* out = at<T>(x, run);
            const auto first = static_cast<std::uint64_t>(run.row * x.columns() + run.column);
            for (std::int64_t i = 0; i < run.count; ++i) {
                out[i] = store<T>(pseudo_normal(key, first + static_cast<std::uint64_t>(i)));
            }
        });
    });
}

/// A view of its input.
void copy_to_group_cpu(const CopyToGroup&, const Launch&) {}

/// Ops run one after the other here.
void wait_cpu(const Wait&, const Launch&) {}

}  // namespace

void add_collective_rows(KernelTable& table) {
    set_row<collective_cpu>(table);
    set_row<receive_cpu>(table);
    set_row<copy_to_group_cpu>(table);
    set_row<wait_cpu>(table);
}

}  // namespace headroom
