#include "kernels/device/blas.h"

#include <cublasLt.h>
#include <cuda_runtime.h>

#include <map>
#include <set>

#include "kernels/device/cuda_check.h"

namespace headroom {
namespace {

void check_blas(cublasStatus_t status, const char* call) {
    if (status == CUBLAS_STATUS_SUCCESS) return;
    throw BlasError(std::string(call) + ": " + cublasLtGetStatusName(status) + ": " +
                    cublasLtGetStatusString(status));
}

cudaDataType_t data_type(DType dtype) {
    switch (dtype) {
        case DType::bf16:
            return CUDA_R_16BF;
        case DType::f16:
            return CUDA_R_16F;
        case DType::f32:
            return CUDA_R_32F;
        default:
            throw BlasError("cuBLASLt is not used for " + std::string(name(dtype)));
    }
}

cublasOperation_t operation(Stored stored) {
    return stored == Stored::plain ? CUBLAS_OP_N : CUBLAS_OP_T;
}

/// The opaque structs of one product; they lie on the stack and own nothing.
class Descriptors {
public:
    Descriptors(const BlasLayout& layout, cublasComputeType_t compute, const std::byte* bias) {
        check_blas(cublasLtMatmulDescInit(&product_, compute, CUDA_R_32F),
                   "cublasLtMatmulDescInit");
        set(CUBLASLT_MATMUL_DESC_TRANSA, operation(layout.first_stored));
        set(CUBLASLT_MATMUL_DESC_TRANSB, operation(layout.second_stored));
        if (layout.bias) {
            set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
            set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, data_type(layout.result.dtype));
            set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
        }
        init(&first_, layout.first);
        init(&second_, layout.second);
        init(&result_, layout.result);
    }

    cublasLtMatmulDesc_t product() { return &product_; }
    cublasLtMatrixLayout_t first() { return &first_; }
    cublasLtMatrixLayout_t second() { return &second_; }
    cublasLtMatrixLayout_t result() { return &result_; }

private:
    template <class T>
    void set(cublasLtMatmulDescAttributes_t attribute, const T& value) {
        check_blas(cublasLtMatmulDescSetAttribute(&product_, attribute, &value, sizeof(value)),
                   "cublasLtMatmulDescSetAttribute");
    }
    static void init(cublasLtMatrixLayout_t to, const BlasMatrix& matrix) {
        check_blas(cublasLtMatrixLayoutInit(
                       to, data_type(matrix.dtype), static_cast<std::uint64_t>(matrix.rows),
                       static_cast<std::uint64_t>(matrix.columns), matrix.leading),
                   "cublasLtMatrixLayoutInit");
    }

    cublasLtMatmulDescOpaque_t product_{};
    cublasLtMatrixLayoutOpaque_t first_{};
    cublasLtMatrixLayoutOpaque_t second_{};
    cublasLtMatrixLayoutOpaque_t result_{};
};

/// Bounds on what the heuristic may name.
class Preference {
public:
    explicit Preference(const BlasLayout& layout) {
        check_blas(cublasLtMatmulPreferenceInit(&preference_), "cublasLtMatmulPreferenceInit");
        set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, static_cast<std::uint64_t>(layout.workspace));
        // Parts of a sum that was split may be added afterwards, in order; never as they arrive.
        set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
            static_cast<std::uint32_t>(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
        set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment(layout.first));
        set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment(layout.second));
        set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment(layout.result));
        set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment(layout.result));
    }
    cublasLtMatmulPreference_t get() { return &preference_; }

private:
    static std::uint32_t alignment(const BlasMatrix& matrix) {
        return static_cast<std::uint32_t>(matrix.alignment);
    }
    template <class T>
    void set(cublasLtMatmulPreferenceAttributes_t attribute, const T& value) {
        check_blas(
            cublasLtMatmulPreferenceSetAttribute(&preference_, attribute, &value, sizeof(value)),
            "cublasLtMatmulPreferenceSetAttribute");
    }

    cublasLtMatmulPreferenceOpaque_t preference_{};
};

int configured(const cublasLtMatmulAlgo_t& algorithm, cublasLtMatmulAlgoConfigAttributes_t what) {
    std::int32_t value = 0;
    std::size_t written = 0;
    check_blas(
        cublasLtMatmulAlgoConfigGetAttribute(&algorithm, what, &value, sizeof(value), &written),
        "cublasLtMatmulAlgoConfigGetAttribute");
    return value;
}

BlasChoice describe(const BlasLayout& layout, const cublasLtMatmulHeuristicResult_t& result) {
    const auto& algorithm = result.algo;
    return {.layout = layout,
            .algorithm = configured(algorithm, CUBLASLT_ALGO_CONFIG_ID),
            .tile = tile_shape(configured(algorithm, CUBLASLT_ALGO_CONFIG_TILE_ID)),
            .stages = configured(algorithm, CUBLASLT_ALGO_CONFIG_STAGES_ID),
            .split_k = configured(algorithm, CUBLASLT_ALGO_CONFIG_SPLITK_NUM),
            .workspace = static_cast<std::int64_t>(result.workspaceSize),
            .waves = result.wavesCount};
}

/// What a layout is multiplied with.
struct Chosen {
    cublasLtMatmulAlgo_t algorithm{};
    TileShape tile{};
    int depth = 1;
};

/// What is left of a product whose factors share an empty extent.
void scale_only(const Gemm& gemm, cudaStream_t stream) {
    if (gemm.beta == 1.0 && gemm.bias == nullptr) return;
    if (gemm.beta != 0.0 || gemm.bias != nullptr) {
        throw BlasError("a product of empty factors is only cleared or left alone");
    }
    const auto bytes = [&](std::int64_t elements) {
        return static_cast<std::size_t>(bytes_of(elements, gemm.d.dtype));
    };
    check(cudaMemset2DAsync(gemm.d.data, bytes(gemm.d.stride), 0, bytes(gemm.d.columns),
                            static_cast<std::size_t>(gemm.d.rows), stream));
}

}  // namespace

struct BlasLibrary::State {
    cublasLtHandle_t handle = nullptr;
    F32Products f32 = F32Products::exact;
    std::map<BlasLayout, Chosen> algorithms{};
    std::set<BlasLayout> own{};  ///< that kernels of ours take
    std::vector<BlasChoice> choices{};

    [[nodiscard]] cublasComputeType_t compute(DType factors) const {
        const bool tf32 = factors == DType::f32 && f32 == F32Products::tf32;
        return tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
    }

    /// The heuristic may look at where the bias lies.
    const Chosen& algorithm(const BlasLayout& layout, const std::byte* bias) {
        const auto known = algorithms.find(layout);
        if (known != algorithms.end()) return known->second;
        Descriptors descriptors(layout, compute(layout.first.dtype), bias);
        Preference preference(layout);
        cublasLtMatmulHeuristicResult_t result{};
        int found = 0;
        const auto status = cublasLtMatmulAlgoGetHeuristic(
            handle, descriptors.product(), descriptors.first(), descriptors.second(),
            descriptors.result(), descriptors.result(), preference.get(), 1, &result, &found);
        if (status != CUBLAS_STATUS_SUCCESS || found == 0) {
            throw BlasError("cuBLASLt has no algorithm for " + to_string(BlasChoice{layout}) +
                            ": " + cublasLtGetStatusName(status));
        }
        const BlasChoice& choice = choices.emplace_back(describe(layout, result));
        const Chosen chosen{result.algo, choice.tile, stages_depth(choice.stages)};
        return algorithms.emplace(layout, chosen).first->second;
    }

    /// The neighbours' algorithm if it also serves these extents, else one of their own.
    const Chosen& shared_algorithm(const BlasLayout& layout, const std::byte* bias,
                                   Descriptors& descriptors) {
        const Chosen& shared = algorithm(rounded(layout), bias);
        cublasLtMatmulHeuristicResult_t checked{};
        const auto status = cublasLtMatmulAlgoCheck(
            handle, descriptors.product(), descriptors.first(), descriptors.second(),
            descriptors.result(), descriptors.result(), &shared.algorithm, &checked);
        const bool serves = status == CUBLAS_STATUS_SUCCESS &&
                            checked.workspaceSize <= static_cast<std::size_t>(layout.workspace);
        return serves ? shared : algorithm(layout, bias);
    }
};

BlasLibrary::BlasLibrary(F32Products f32) : state_(std::make_unique<State>()) {
    state_->f32 = f32;
    check_blas(cublasLtCreate(&state_->handle), "cublasLtCreate");
}

BlasLibrary::~BlasLibrary() { cublasLtDestroy(state_->handle); }

std::int64_t BlasLibrary::multiply(const Gemm& gemm, const TensorView& workspace, void* stream) {
    const auto queue = static_cast<cudaStream_t>(stream);
    const BlasLayout layout =
        layout_of(gemm, workspace.data == nullptr ? 0 : bytes(workspace).count());
    if (gemm.d.rows == 0 || gemm.d.columns == 0) return 0;
    if (gemm.a.rows == 0 || gemm.a.columns == 0) {
        scale_only(gemm, queue);
        return 0;
    }
    Descriptors descriptors(layout, state_->compute(gemm.a.dtype), gemm.bias);
    const Chosen& chosen = gemm.extents == Extents::vary
                               ? state_->shared_algorithm(layout, gemm.bias, descriptors)
                               : state_->algorithm(layout, gemm.bias);
    const auto alpha = static_cast<float>(gemm.alpha);
    const auto beta = static_cast<float>(gemm.beta);
    check_blas(
        cublasLtMatmul(state_->handle, descriptors.product(), &alpha, gemm.b.data,
                       descriptors.first(), gemm.a.data, descriptors.second(), &beta, gemm.d.data,
                       descriptors.result(), gemm.d.data, descriptors.result(), &chosen.algorithm,
                       workspace.data, static_cast<std::size_t>(layout.workspace), queue),
        "cublasLtMatmul");
    return executed_flops(layout, chosen.tile, chosen.depth);
}

void BlasLibrary::note(const BlasChoice& choice) {
    if (state_->own.insert(choice.layout).second) state_->choices.push_back(choice);
}

const std::vector<BlasChoice>& BlasLibrary::choices() const { return state_->choices; }

std::string BlasLibrary::version() {
    const std::size_t number = cublasLtGetVersion();
    return "cuBLASLt " + std::to_string(number / 10000) + "." + std::to_string(number / 100 % 100) +
           "." + std::to_string(number % 100);
}

void fetch(void* stream, void* to, const void* from, std::size_t bytes) {
    const auto queue = static_cast<cudaStream_t>(stream);
    auto capturing = cudaStreamCaptureStatusNone;
    check(cudaStreamIsCapturing(queue, &capturing));
    if (capturing != cudaStreamCaptureStatusNone) {
        throw BlasError(
            "rows per expert are read on the host, so this step cannot be a CUDA graph");
    }
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, queue));
    check(cudaStreamSynchronize(queue));
}

}  // namespace headroom
