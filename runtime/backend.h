#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/kernel_table.h"

namespace headroom {

/// A device has no room for a block: which one, what it needs and what is free.
class OutOfMemory : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// A device or its driver failed; one sentence that names the call.
class DeviceError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// What the driver (CPU: the kernel) says of memory at one moment.
struct DeviceMemory {
    Bytes total{};
    Bytes free{};
    Bytes process{};  ///< used by this process (CPU: resident set); 0: not known
};

/// Memory at a named moment of a run: "start", "context", "libraries", "arena", "first step".
struct MemoryStage {
    std::string stage{};
    DeviceMemory memory{};
};

/// What an executor needs of a device. Everything is launched in order on one stream.
class Backend {
public:
    Backend() = default;
    Backend(const Backend&) = delete;
    Backend& operator=(const Backend&) = delete;
    virtual ~Backend() = default;

    [[nodiscard]] virtual const KernelTable& table() const = 0;
    /// "NVIDIA H200, driver 580.65, CUDA 13.0", "AMD EPYC 9B14, 2 cores, OpenBLAS 0.3.21".
    [[nodiscard]] virtual std::string describe() const = 0;

    /// `size` bytes that start on a 512-byte boundary; Place::host is memory that the device copies
    /// from and to (pinned on a GPU). Throws OutOfMemory.
    virtual std::byte* allocate(Bytes size, Place place) = 0;
    virtual void release(std::byte* block, Place place) noexcept = 0;
    virtual void write(std::byte* to, std::span<const std::byte> from, Place place) = 0;
    virtual void read(std::span<std::byte> to, const std::byte* from, Place place) = 0;
    virtual void fill(std::byte* at, Bytes size, std::uint8_t value, Place place) = 0;

    /// Runs the op's row; the backend fills in the stream, the library and the counter.
    virtual void launch(const Op& op, Launch launch) = 0;
    /// Adds a per-token loss (N) f32 to `results->loss_sum`, in a fixed order.
    virtual void add_loss(const TensorView& loss, StepScalars* results) = 0;
    virtual void synchronize() = 0;

    /// Takes the time on the stream as mark `index`; `between` waits for both.
    virtual void mark(std::size_t index) = 0;
    [[nodiscard]] virtual Seconds between(std::size_t first, std::size_t last) = 0;

    /// Launches between begin and end are recorded, not run; the handle replays them. -1: this
    /// device records nothing, and the launches ran.
    virtual void begin_capture() {}
    virtual int end_capture() { return -1; }
    virtual void replay(int /*handle*/) {}

    [[nodiscard]] virtual DeviceMemory memory() = 0;
    /// Memory at the moments this backend came to be, up to now.
    [[nodiscard]] virtual std::vector<MemoryStage> stages() const { return {}; }
    /// Matrix and vector FLOPs since the last call, where kernels count them; else zeros.
    virtual WorkCounter take_work() { return {}; }
    /// One line a shape: the algorithm a matrix library chose. Empty where there is no choice.
    [[nodiscard]] virtual std::vector<std::string> algorithms() const { return {}; }
};

/// Runs the rows of `table` in this process's memory.
std::unique_ptr<Backend> make_cpu_backend(const KernelTable& table = cpu_table());
/// Throws DeviceError in one sentence when there is no driver, no device, or no CUDA in this build.
/// Or when the GPU, or what this program was compiled for, lacks the words.
std::unique_ptr<Backend> make_cuda_backend(int device = 0, TensorWords words = TensorWords::mma);
/// Whether make_cuda_backend can succeed; else why not.
[[nodiscard]] std::string cuda_missing();

}  // namespace headroom
