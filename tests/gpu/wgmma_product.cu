#include "tests/gpu/wgmma_product.h"

#include "tests/support/wgmma_product.cuh"

namespace headroom::test {
namespace {

using device::Along;
using device::Bf16;

template <Along along_a, Along along_b>
std::vector<float> product(const std::vector<std::uint16_t>& a,
                           const std::vector<std::uint16_t>& b) {
    const std::size_t bytes = 2 * (a.size() + b.size());
    std::vector<float> c(std::size_t{kProductRows} * kProductColumns);
    std::byte* memory = nullptr;
    check(cudaMalloc(&memory, bytes + c.size() * sizeof(float)));
    auto* const left = reinterpret_cast<Bf16*>(memory);
    auto* const right = left + a.size();
    auto* const result = reinterpret_cast<float*>(memory + bytes);
    copy_bytes(nullptr, left, a.data(), 2 * a.size());
    copy_bytes(nullptr, right, b.data(), 2 * b.size());
    launch_kernel(multiply_panels_kernel<Bf16, along_a, along_b>, {1}, {device::kWarpgroup},
                  kProductShared, nullptr, left, right, result);
    copy_bytes(nullptr, c.data(), result, c.size() * sizeof(float));
    check(cudaDeviceSynchronize());
    check(cudaFree(memory));
    return c;
}

}  // namespace

std::vector<float> wgmma_product(const std::vector<std::uint16_t>& a,
                                 const std::vector<std::uint16_t>& b, bool columns_of_a,
                                 bool columns_of_b) {
    if (columns_of_a) {
        return columns_of_b ? product<Along::other, Along::other>(a, b)
                            : product<Along::other, Along::sum>(a, b);
    }
    return columns_of_b ? product<Along::sum, Along::other>(a, b)
                        : product<Along::sum, Along::sum>(a, b);
}

}  // namespace headroom::test
