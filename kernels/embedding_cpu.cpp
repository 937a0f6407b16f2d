#include <algorithm>
#include <array>
#include <utility>

#include "kernels/cpu/dispatch.h"
#include "kernels/cpu/elements.h"
#include "kernels/cpu/runs.h"
#include "kernels/cpu/slices.h"
#include "kernels/cpu_table.h"

namespace headroom {
namespace {

bool inside(std::int32_t id, const TensorView& table) { return id >= 0 && id < table.shape[0]; }

/// x (N, C) = scale * table[ids]
void embedding_cpu(const Embedding& op, const Launch& launch) {
    const std::int32_t* ids = launch.in[0].as<std::int32_t>();
    const TensorView& table = launch.in[1];
    const TensorView& x = launch.out[0];
    with_float(table.dtype, [&]<class T>(T) {
        const auto scale = static_cast<Compute<T>>(op.scale);
#pragma omp parallel for schedule(static) if (x.count() >= kParallelElements)
        for (std::int64_t n = 0; n < x.rows(); ++n) {
            T* out = row<T>(x, n);
            if (!inside(ids[n], table)) {
                std::fill_n(out, x.columns(), T{});
                continue;
            }
            const T* in = row<T>(table, ids[n]);
            for (std::int64_t j = 0; j < x.columns(); ++j) out[j] = store<T>(scale * load(in[j]));
        }
    });
    count_vector(launch, x.count());
}

/// x (N, C) += table[ids]
void add_embedding_cpu(const AddEmbedding&, const Launch& launch) {
    const std::int32_t* ids = launch.in[1].as<std::int32_t>();
    const TensorView& table = launch.in[2];
    const TensorView& x = launch.out[0];
    with_float(x.dtype, [&]<class T>(T) {
        with_float(table.dtype, [&]<class W>(W) {
#pragma omp parallel for schedule(static) if (x.count() >= kParallelElements)
            for (std::int64_t n = 0; n < x.rows(); ++n) {
                const T* before = row<T>(launch.in[0], n);
                T* out = row<T>(x, n);
                const bool known = inside(ids[n], table);
                const W* added = row<W>(table, known ? ids[n] : 0);
                for (std::int64_t j = 0; j < x.columns(); ++j) {
                    const auto sum = load(before[j]) + (known ? load(added[j]) : Compute<W>{});
                    out[j] = store<T>(sum);
                }
            }
        });
    });
    count_vector(launch, x.count());
}

/// Tokens of each id as chains in token order: `head` (V) and `next` (tokens) hold positions, -1
/// ends a chain.
struct Chains {
    std::int32_t* head = nullptr;
    std::int32_t* next = nullptr;
};

void chain(const Chains& chains, const std::int32_t* ids, std::int64_t tokens,
           const TensorView& table) {
    std::fill_n(chains.head, table.shape[0], -1);
    for (std::int64_t n = tokens - 1; n >= 0; --n) {
        if (!inside(ids[n], table)) continue;
        chains.next[n] = std::exchange(chains.head[ids[n]], static_cast<std::int32_t>(n));
    }
}

constexpr std::int64_t kBlock = 256;  ///< columns that one thread sums at a time

/// One row of the table, up to kBlock columns of it: the gradients along a chain, summed before
/// they are rounded.
template <class T, class G>
void sum_chain(std::int32_t token, const std::int32_t* next, const TensorView& dy, double scale,
               bool add, G* out, std::int64_t first, std::int64_t width) {
    if (token < 0) {
        if (!add) std::fill_n(out, width, G{});
        return;
    }
    std::array<Compute<T>, kBlock> sum{};
    for (; token >= 0; token = next[token]) {
        const T* in = row<T>(dy, token) + first;
        for (std::int64_t j = 0; j < width; ++j) sum[static_cast<std::size_t>(j)] += load(in[j]);
    }
    for (std::int64_t j = 0; j < width; ++j) {
        const auto value = static_cast<Compute<T>>(scale) * sum[static_cast<std::size_t>(j)];
        out[j] = store<G>(add ? load(out[j]) + value : value);
    }
}

/// Chains of `dy`'s tokens into the whole table.
void sum_chains(const Chains& chains, const TensorView& dy, const TensorView& table, double scale,
                bool add) {
    const std::int64_t blocks = (table.columns() + kBlock - 1) / kBlock;
    with_float(dy.dtype, [&]<class T>(T) {
        with_float(table.dtype, [&]<class G>(G) {
#pragma omp parallel for schedule(dynamic, 64) if (table.count() >= kParallelElements)
            for (std::int64_t i = 0; i < table.rows() * blocks; ++i) {
                const std::int64_t id = i / blocks;
                const std::int64_t first = i % blocks * kBlock;
                sum_chain<T>(chains.head[id], chains.next, dy, scale, add,
                             row<G>(table, id) + first, first,
                             std::min(kBlock, table.columns() - first));
            }
        });
    });
}

/// (ids (N), dy (N, C)) -> dtable (V, C)
void embedding_grad_cpu(const EmbeddingGrad& op, const Launch& launch) {
    const TensorView& ids = launch.in[0];
    const TensorView& table = launch.out[0];
    TensorView dy = launch.in[1];
    const std::int64_t tokens = ids.count();
    const std::int64_t rows = table.rows();
    // As many tokens at a time as the workspace has chains for: in practice all.
    const std::int64_t most =
        std::max<std::int64_t>(1, std::min(scratch_capacity<std::int32_t>(launch) - rows, tokens));
    std::int32_t* head = Slices(launch).take<std::int32_t>(rows + most);
    bool add = adds(op.accumulation, launch);
    for (std::int64_t first = 0; first < tokens; first += most) {
        const Chains chains{head, head + rows};
        chain(chains, ids.as<std::int32_t>() + first, std::min(most, tokens - first), table);
        dy.data = launch.in[1].data + bytes_of(first * dy.stride, dy.dtype);
        sum_chains(chains, dy, table, op.scale, add);
        add = true;
    }
    count_vector(launch, dy.count());
}

}  // namespace

void add_embedding_rows(KernelTable& table) {
    set_row<embedding_cpu>(table);
    set_row<embedding_grad_cpu>(table);
    set_row<add_embedding_cpu>(table);
}

}  // namespace headroom
