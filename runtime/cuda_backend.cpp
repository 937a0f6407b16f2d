#include <fmt/format.h>

#include <array>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

#include "kernels/device/blas.h"
#include "kernels/device/cuda_check.h"
#include "kernels/device/loss_sum.h"
#include "planner/step/step_graph.h"
#include "runtime/backend.h"
#include "runtime/cuda_error.h"
#include "runtime/device_memory.h"
#include "runtime/nvml.h"

namespace headroom {
namespace {

constexpr int kOldestMajor = 8;  ///< compute capability that the kernels are built for

Bytes bytes_of_size(std::size_t size) { return Bytes{static_cast<std::int64_t>(size)}; }

std::string bus_of(int device) {
    std::array<char, 32> text{};
    require(cudaDeviceGetPCIBusId(text.data(), static_cast<int>(text.size()), device),
            "cudaDeviceGetPCIBusId");
    return text.data();
}

/// Memory that a context sets aside for what no kernel of ours does: deep stacks, printf, malloc.
/// The driver rounds up, and may keep more.
void shrink_limits() {
    constexpr std::array<std::pair<cudaLimit, std::size_t>, 3> kLimits{{
        {cudaLimitStackSize, 256},
        {cudaLimitPrintfFifoSize, 4096},
        {cudaLimitMallocHeapSize, 4096},
    }};
    for (const auto& [limit, size] : kLimits) {
        if (cudaDeviceSetLimit(limit, size) != cudaSuccess) cudaGetLastError();
    }
}

class CudaBackend final : public Backend {
public:
    CudaBackend(int device, TensorWords words)
        : table_(&cuda_table(words)), nvml_(open_nvml(bus_of(device)).nvml) {
        if (nvml_ != nullptr) {
            const GpuMemory memory = nvml_->memory();
            stages_.push_back({"start", {.total = memory.total, .free = memory.free}});
        }
        require(cudaSetDevice(device), "cudaSetDevice");
        require(cudaGetDeviceProperties(&properties_, device), "cudaGetDeviceProperties");
        if (properties_.major < kOldestMajor) {
            throw DeviceError(fmt::format("{} has compute capability {}.{}, the kernels need {}.0",
                                          properties_.name, properties_.major, properties_.minor,
                                          kOldestMajor));
        }
        if (words == TensorWords::wgmma) require_wgmma();
        shrink_limits();
        stream_ = make_stream();
        note("context");
        guarded("cublasLtCreate", [&] { blas_.emplace(); });
        note("libraries");
    }

    [[nodiscard]] const KernelTable& table() const override { return *table_; }
    [[nodiscard]] std::string describe() const override {
        int version = 0;
        require(cudaRuntimeGetVersion(&version), "cudaRuntimeGetVersion");
        const std::string driver =
            nvml_ == nullptr ? std::string("unknown") : nvml_->driver_version();
        return fmt::format("{}, driver {}, CUDA {}.{}, {}", properties_.name, driver,
                           version / 1000, version % 1000 / 10, BlasLibrary::version());
    }

    std::byte* allocate(Bytes size, Place place) override {
        DeviceBlock block = allocate_block(size, place);
        std::byte* const at = block.get();
        blocks_[at] = std::move(block);
        return at;
    }
    void release(std::byte* block, Place) noexcept override { blocks_.erase(block); }

    void write(std::byte* to, std::span<const std::byte> from, Place place) override {
        if (from.empty()) return;
        if (place != Place::device) {
            synchronize();  // the GPU may still be reading
            std::memcpy(to, from.data(), from.size());
            return;
        }
        if (capturing_) throw DeviceError("a recorded step would repeat the values it is given");
        require(
            cudaMemcpyAsync(to, from.data(), from.size(), cudaMemcpyHostToDevice, stream_.get()),
            "cudaMemcpyAsync to the GPU");
        // Ordinary memory has been read by now; pinned memory will be.
        cudaPointerAttributes source{};
        require(cudaPointerGetAttributes(&source, from.data()), "cudaPointerGetAttributes");
        if (source.type != cudaMemoryTypeUnregistered) synchronize();
    }
    void read(std::span<std::byte> to, const std::byte* from, Place place) override {
        if (to.empty()) return;
        if (place == Place::device) {
            require(
                cudaMemcpyAsync(to.data(), from, to.size(), cudaMemcpyDeviceToHost, stream_.get()),
                "cudaMemcpyAsync from the GPU");
        }
        synchronize();
        if (place != Place::device) std::memcpy(to.data(), from, to.size());
    }
    void fill(std::byte* at, Bytes size, std::uint8_t value, Place place) override {
        const auto count = static_cast<std::size_t>(size.count());
        if (count == 0) return;
        if (place == Place::device) {
            return require(cudaMemsetAsync(at, value, count, stream_.get()), "cudaMemsetAsync");
        }
        synchronize();
        std::memset(at, value, count);
    }

    void launch(const Op& op, Launch launch) override {
        launch.stream = stream_.get();
        launch.library = &*blas_;
        launch.work = &work_;
        guarded(name(op), [&] { (*table_)[op].run(op, launch); });
    }
    WorkCounter take_work() override { return std::exchange(work_, {}); }
    void add_loss(const TensorView& loss, StepScalars* results) override {
        guarded("sum of losses", [&] { add_loss_cuda(loss, results, stream_.get()); });
    }
    void synchronize() override {
        require(cudaStreamSynchronize(stream_.get()), "waiting for the GPU");
    }

    void mark(std::size_t index) override {
        while (marks_.size() <= index) marks_.push_back(make_event());
        // Of a recorded event only the graph would know the time.
        const unsigned flags = capturing_ ? cudaEventRecordExternal : cudaEventRecordDefault;
        require(cudaEventRecordWithFlags(marks_[index].get(), stream_.get(), flags),
                "cudaEventRecord");
    }
    Seconds between(std::size_t first, std::size_t last) override {
        for (const auto index : {first, last}) {
            require(cudaEventSynchronize(marks_.at(index).get()), "cudaEventSynchronize");
        }
        float milliseconds = 0.0F;
        require(cudaEventElapsedTime(&milliseconds, marks_[first].get(), marks_[last].get()),
                "cudaEventElapsedTime");
        return Seconds{static_cast<double>(milliseconds) / 1000.0};
    }

    void begin_capture() override {
        require(cudaStreamBeginCapture(stream_.get(), cudaStreamCaptureModeThreadLocal),
                "cudaStreamBeginCapture");
        capturing_ = true;
    }
    int end_capture() override {
        const DeviceGraph graph = recorded();
        cudaGraphExec_t executable = nullptr;
        require(cudaGraphInstantiate(&executable, graph.get(), 0), "cudaGraphInstantiate");
        graphs_.emplace_back(executable);
        require(cudaGraphUpload(executable, stream_.get()), "cudaGraphUpload");
        return static_cast<int>(graphs_.size()) - 1;
    }
    void replay(int handle) override {
        require(cudaGraphLaunch(graphs_.at(static_cast<std::size_t>(handle)).get(), stream_.get()),
                "cudaGraphLaunch");
    }

    [[nodiscard]] DeviceMemory memory() override {
        std::size_t free = 0;
        std::size_t total = 0;
        require(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
        return {.total = bytes_of_size(total),
                .free = bytes_of_size(free),
                .process = nvml_ == nullptr ? Bytes{} : nvml_->process_memory()};
    }
    [[nodiscard]] std::vector<MemoryStage> stages() const override { return stages_; }
    [[nodiscard]] std::vector<std::string> algorithms() const override {
        std::vector<std::string> lines;
        for (const auto& choice : blas_->choices()) lines.push_back(to_string(choice));
        return lines;
    }

private:
    void note(std::string stage) { stages_.push_back({std::move(stage), memory()}); }

    DeviceGraph recorded() {
        capturing_ = false;
        cudaGraph_t graph = nullptr;
        require(cudaStreamEndCapture(stream_.get(), &graph), "cudaStreamEndCapture");
        return DeviceGraph(graph);
    }

    /// Runs what may fail in a kernel's launch or in the matrix library: one sentence with the
    /// op's name comes out, and a recording that was under way ends.
    template <class Action>
    void guarded(std::string_view what, const Action& action) {
        std::string failure;
        try {
            action();
            const cudaError_t code = cudaGetLastError();
            if (code != cudaSuccess) failure = cuda_sentence(what, code);
        } catch (const CudaError& error) {
            failure = cuda_sentence(what, error.code());
        } catch (const BlasError& error) {
            failure = fmt::format("{}: {}", what, error.what());
        }
        if (failure.empty()) return;
        abandon_capture();
        throw DeviceError(failure);
    }
    void require_wgmma() const {
        if (!cuda_has_wgmma()) {
            throw DeviceError(
                "this program's kernels were not compiled for sm_90a, which wgmma needs");
        }
        if (properties_.major == 9 && properties_.minor == 0) return;
        throw DeviceError(fmt::format("{} has compute capability {}.{}, wgmma needs 9.0",
                                      properties_.name, properties_.major, properties_.minor));
    }
    void abandon_capture() {
        if (!std::exchange(capturing_, false)) return;
        cudaGraph_t graph = nullptr;
        if (cudaStreamEndCapture(stream_.get(), &graph) == cudaSuccess) cudaGraphDestroy(graph);
        cudaGetLastError();
    }

    const KernelTable* table_;
    std::unique_ptr<Nvml> nvml_;
    cudaDeviceProp properties_{};
    DeviceStream stream_{};
    std::optional<BlasLibrary> blas_{};
    std::map<std::byte*, DeviceBlock> blocks_{};
    std::vector<DeviceEvent> marks_{};
    std::vector<DeviceGraphExec> graphs_{};
    std::vector<MemoryStage> stages_{};
    WorkCounter work_{};
    bool capturing_ = false;
};

std::string version_text(int version) {
    return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

int device_count() {
    int count = 0;
    if (cudaGetDeviceCount(&count) != cudaSuccess) {
        cudaGetLastError();
        return 0;
    }
    return count;
}

}  // namespace

std::string cuda_missing() {
    int driver = 0;
    int runtime = 0;
    if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) {
        cudaGetLastError();
        return "there is no NVIDIA driver on this machine";
    }
    require(cudaRuntimeGetVersion(&runtime), "cudaRuntimeGetVersion");
    if (driver / 1000 < runtime / 1000) {
        return fmt::format("the NVIDIA driver is for CUDA {}, this program needs {}",
                           version_text(driver), version_text(runtime));
    }
    return device_count() > 0 ? std::string() : "the NVIDIA driver finds no GPU";
}

std::unique_ptr<Backend> make_cuda_backend(int device, TensorWords words) {
    if (const auto missing = cuda_missing(); !missing.empty()) throw DeviceError(missing);
    if (device < 0 || device >= device_count()) {
        throw DeviceError(
            fmt::format("there is no GPU {}: this machine has {}", device, device_count()));
    }
    return std::make_unique<CudaBackend>(device, words);
}

}  // namespace headroom
