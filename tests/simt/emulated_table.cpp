#include "tests/simt/emulated_table.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "kernels/cpu/number.h"
#include "kernels/cuda_table.h"
#include "kernels/device/blas.h"

namespace headroom {
namespace {

double element(const BlasMatrix& matrix, const std::byte* data, std::int64_t row,
               std::int64_t column) {
    const std::byte* at = data + bytes_of(row + column * matrix.leading, matrix.dtype);
    if (matrix.dtype == DType::f32) return static_cast<double>(*reinterpret_cast<const float*>(at));
    const auto bits = *reinterpret_cast<const std::uint16_t*>(at);
    if (matrix.dtype == DType::bf16) {
        BFloat16 value;
        value.bits = bits;
        return static_cast<double>(static_cast<float>(value));
    }
    Float16 value;
    value.bits = bits;
    return static_cast<double>(static_cast<float>(value));
}

void store(const BlasMatrix& matrix, std::byte* data, std::int64_t row, std::int64_t column,
           double value) {
    std::byte* at = data + bytes_of(row + column * matrix.leading, matrix.dtype);
    const auto rounded = static_cast<float>(value);
    if (matrix.dtype == DType::f32) {
        *reinterpret_cast<float*>(at) = rounded;
    } else {
        *reinterpret_cast<std::uint16_t*>(at) =
            matrix.dtype == DType::bf16 ? BFloat16(rounded).bits : Float16(rounded).bits;
    }
}

}  // namespace

struct BlasLibrary::State {
    std::vector<BlasChoice> choices{};
};

BlasLibrary::BlasLibrary(F32Products) : state_(std::make_unique<State>()) {}
BlasLibrary::~BlasLibrary() = default;

/// As the manual says of cublasLtMatmul: everything by columns, factors transposed where told.
std::int64_t BlasLibrary::multiply(const Gemm& gemm, const TensorView& workspace, void*) {
    const BlasLayout layout = layout_of(gemm, bytes(workspace).count());
    if (!dtype_refusal(gemm.a.dtype, gemm.b.dtype, gemm.d.dtype).empty()) {
        throw BlasError(dtype_refusal(gemm.a.dtype, gemm.b.dtype, gemm.d.dtype));
    }
    // What a library does with the workspace is its own affair; some of it is enough to show that.
    constexpr std::int64_t kSpoilt = 4096;
    if (workspace.data != nullptr) {
        const auto spoilt = std::min(layout.workspace, kSpoilt);
        std::memset(workspace.data, 0xFF, static_cast<std::size_t>(spoilt));
    }
    const bool first_plain = layout.first_stored == Stored::plain;
    const bool second_plain = layout.second_stored == Stored::plain;
    const std::int64_t terms = first_plain ? layout.first.columns : layout.first.rows;
    for (std::int64_t column = 0; column < layout.result.columns; ++column) {
        for (std::int64_t row = 0; row < layout.result.rows; ++row) {
            double sum = 0.0;
            for (std::int64_t k = 0; k < terms; ++k) {
                sum += element(layout.first, gemm.b.data, first_plain ? row : k,
                               first_plain ? k : row) *
                       element(layout.second, gemm.a.data, second_plain ? k : column,
                               second_plain ? column : k);
            }
            sum *= gemm.alpha;
            if (gemm.beta != 0.0) {
                sum += gemm.beta * element(layout.result, gemm.d.data, row, column);
            }
            if (layout.bias) sum += element(layout.result, gemm.bias, row, 0);
            store(layout.result, gemm.d.data, row, column, sum);
        }
    }
    return flops_of(gemm);
}

void BlasLibrary::note(const BlasChoice& choice) { state_->choices.push_back(choice); }

const std::vector<BlasChoice>& BlasLibrary::choices() const { return state_->choices; }

void fetch(void*, void* to, const void* from, std::size_t bytes) { std::memcpy(to, from, bytes); }

namespace test {
namespace {

const KernelTable& device_rows() {
    static const KernelTable table = [] {
        KernelTable rows{.device = "emulated"};
        add_linear_cuda_rows(rows);
        add_grouped_linear_cuda_rows(rows);
        add_loss_cuda_rows(rows);
        return rows;
    }();
    return table;
}

void run_with_library(const Op& op, const Launch& launch) {
    BlasLibrary library;
    Launch complete = launch;
    complete.library = &library;
    device_rows()[op].run(op, complete);
}

}  // namespace

const KernelTable& emulated_matrix_table() {
    static const KernelTable table = [] {
        KernelTable rows = device_rows();
        for (auto& row : rows.rows) {
            if (row.run != nullptr) row.run = run_with_library;
        }
        return rows;
    }();
    return table;
}

}  // namespace test
}  // namespace headroom
