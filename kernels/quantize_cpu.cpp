#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "kernels/cpu/dispatch.h"
#include "kernels/cpu/elements.h"
#include "kernels/cpu/runs.h"
#include "kernels/cpu_table.h"
#include "kernels/nf4.h"
#include "planner/step/op/quantize.h"

namespace headroom {
namespace {

/// What 64 weights were divided by: kept as it was, or in 8 bits (super scales and the mean
/// follow).
float scale_of(std::int64_t block, const Launch& launch) {
    if (launch.in.size() == 2) return launch.in[1].as<float>()[block];
    const float part = kDynamicValues[launch.in[1].as<std::uint8_t>()[block]];
    return part * launch.in[2].as<float>()[block / kNf4SuperBlock] + launch.in[3].as<float>()[0];
}

/// Looks up `count` weights of one block, two a byte, among the 16 that its scale allows.
template <class T>
void dequantize_block(const std::uint8_t* codes, std::int64_t count, float scale, T* weights) {
    std::array<T, kNf4Values.size()> values{};
    for (std::size_t code = 0; code < values.size(); ++code) {
        values[code] = store<T>(kNf4Values[code] * scale);
    }
    for (std::int64_t i = 0; i < count; ++i) {
        const std::uint8_t pair = codes[i / 2];
        weights[i] = values[i % 2 == 0 ? pair >> 4 : pair & 15];
    }
}

void dequantize_cpu(const Dequantize&, const Launch& launch) {
    const TensorView& out = launch.out[0];
    const auto* codes = launch.in[0].as<std::uint8_t>();
    const std::int64_t count = out.count();
    const std::int64_t blocks = (count + kNf4Block - 1) / kNf4Block;
    with_float(out.dtype, [&](auto zero) {
        auto* weights = out.as<decltype(zero)>();
#pragma omp parallel for schedule(static) if (count >= kParallelElements)
        for (std::int64_t block = 0; block < blocks; ++block) {
            const std::int64_t first = block * kNf4Block;
            dequantize_block(codes + first / 2, std::min(kNf4Block, count - first),
                             scale_of(block, launch), weights + first);
        }
    });
    count_vector(launch, 2 * count);
}

}  // namespace

void add_quantize_rows(KernelTable& table) { set_row<dequantize_cpu>(table); }

}  // namespace headroom
