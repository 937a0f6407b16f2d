#include "kernels/cpu/copy.h"

#include <algorithm>
#include <cstring>

#include "kernels/cpu/dispatch.h"
#include "kernels/cpu/elements.h"
#include "kernels/cpu/runs.h"

namespace headroom {

void copy_bytes(const std::byte* from, std::int64_t count, std::byte* to) {
    constexpr std::int64_t kPiece = 1 << 20;
#pragma omp parallel for schedule(static) if (count > kPiece)
    for (std::int64_t first = 0; first < count; first += kPiece) {
        std::memcpy(to + first, from + first,
                    static_cast<std::size_t>(std::min(kPiece, count - first)));
    }
}

void copy_rows(const TensorView& from, const TensorView& to) {
    const std::int64_t size = bits(from.dtype) / 8;
#pragma omp parallel for schedule(static) if (to.count() >= kParallelElements)
    for (std::int64_t i = 0; i < to.rows(); ++i) {
        const std::byte* source = from.data + i % from.rows() * from.stride * size;
        std::byte* target = to.data + i * to.stride * size;
        for (std::int64_t j = 0; j < to.columns(); j += from.columns()) {
            const std::int64_t width = std::min(from.columns(), to.columns() - j);
            std::memcpy(target + j * size, source, static_cast<std::size_t>(width * size));
        }
    }
}

void add_elements(const TensorView& from, const TensorView& to, const Launch& launch) {
    Grid both = grid(from, to);
    if (both.rows == 1) both.columns = std::min(from.count(), to.count());
    with_float(to.dtype, [&]<class T>(T) {
        for_each_run(both, [&](const Run& run) {
            const T* in = at<T>(from, run);
            T* out = at<T>(to, run);
            for (std::int64_t i = 0; i < run.count; ++i) {
                out[i] = store<T>(load(out[i]) + load(in[i]));
            }
        });
    });
    count_vector(launch, both.rows * both.columns);
}

}  // namespace headroom
