#pragma once

#include <memory>
#include <string>

#include "planner/base/units.h"

namespace headroom {

// The few calls of NVIDIA's management library that are made, declared here: the library belongs to
// the driver and its header is not always there. All return 0 on success.
namespace nvml {

struct DeviceHandle;

struct Memory {
    unsigned version = 0;  ///< kMemoryVersion
    unsigned long long total = 0;
    unsigned long long reserved = 0;  ///< by the driver and its firmware
    unsigned long long free = 0;
    unsigned long long used = 0;
};
inline constexpr unsigned kMemoryVersion = static_cast<unsigned>(sizeof(Memory)) | 2U << 24;

struct Process {
    unsigned pid = 0;
    unsigned long long used = 0;  ///< all ones: not known
    unsigned gpu_instance = 0;
    unsigned compute_instance = 0;
};

inline constexpr int kInsufficientSize = 7;

enum class Clock : int { graphics = 0, sm = 1, memory = 2 };

struct Calls {
    int (*init)() = nullptr;
    int (*shutdown)() = nullptr;
    const char* (*error_text)(int) = nullptr;
    int (*driver_version)(char*, unsigned) = nullptr;
    int (*device_by_bus)(const char*, DeviceHandle**) = nullptr;
    int (*name)(DeviceHandle*, char*, unsigned) = nullptr;
    int (*memory)(DeviceHandle*, Memory*) = nullptr;
    int (*processes)(DeviceHandle*, unsigned*, Process*) = nullptr;
    int (*clock)(DeviceHandle*, Clock, unsigned*) = nullptr;
    int (*max_clock)(DeviceHandle*, Clock, unsigned*) = nullptr;
    int (*power_limit)(DeviceHandle*, unsigned*) = nullptr;
};

}  // namespace nvml

/// What the driver says of a GPU's memory: `used` holds what is reserved.
struct GpuMemory {
    Bytes total{};
    Bytes reserved{};
    Bytes free{};
    Bytes used{};
};

/// Clocks in MHz, the board's limit in W.
struct GpuClocks {
    unsigned sm = 0;
    unsigned sm_max = 0;
    unsigned memory = 0;
    unsigned memory_max = 0;
    double power_limit = 0.0;
};

/// One GPU as the management library sees it; it makes no CUDA context. Failing calls give zeros.
class Nvml {
public:
    /// Takes a library that has been initialised, and shuts it down at the end.
    Nvml(const nvml::Calls& calls, nvml::DeviceHandle* device) : calls_(calls), device_(device) {}
    ~Nvml() { calls_.shutdown(); }
    Nvml(const Nvml&) = delete;
    Nvml& operator=(const Nvml&) = delete;

    [[nodiscard]] std::string driver_version() const;
    [[nodiscard]] std::string name() const;
    [[nodiscard]] GpuMemory memory() const;
    [[nodiscard]] GpuClocks clocks() const;
    /// Memory of this process on the GPU, managed memory left out; zero: not known. Inside a
    /// container process ids differ from the driver's: then the GPU's only process is this one.
    [[nodiscard]] Bytes process_memory() const;

private:
    nvml::Calls calls_;
    nvml::DeviceHandle* device_;
};

/// The library, or one line that says why there is none.
struct NvmlOpened {
    std::unique_ptr<Nvml> nvml{};
    std::string missing{};
};
/// `bus` is a PCI bus id: "0000:19:00.0".
NvmlOpened open_nvml(const std::string& bus, const std::string& library = "libnvidia-ml.so.1");
/// The same of calls that are there already.
NvmlOpened open_nvml(const std::string& bus, const nvml::Calls& calls);

}  // namespace headroom
