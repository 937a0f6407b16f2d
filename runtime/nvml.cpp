#include "runtime/nvml.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "runtime/shared_library.h"

namespace headroom {
namespace {

constexpr int kSuccess = 0;
constexpr auto kUnknown = ~0ULL;

/// Finds every call; gives the name of the first that is not there.
std::string find_calls(const SharedLibrary& library, nvml::Calls& calls) {
    std::string missing;
    const auto find = [&](auto& call, const char* name) {
        if (!library.find(call, name) && missing.empty()) missing = name;
    };
    find(calls.init, "nvmlInit_v2");
    find(calls.shutdown, "nvmlShutdown");
    find(calls.error_text, "nvmlErrorString");
    find(calls.driver_version, "nvmlSystemGetDriverVersion");
    find(calls.device_by_bus, "nvmlDeviceGetHandleByPciBusId_v2");
    find(calls.name, "nvmlDeviceGetName");
    find(calls.memory, "nvmlDeviceGetMemoryInfo_v2");
    find(calls.processes, "nvmlDeviceGetComputeRunningProcesses_v3");
    find(calls.clock, "nvmlDeviceGetClockInfo");
    find(calls.max_clock, "nvmlDeviceGetMaxClockInfo");
    find(calls.power_limit, "nvmlDeviceGetEnforcedPowerLimit");
    return missing;
}

using Text = std::array<char, 128>;

Bytes bytes_from(unsigned long long count) { return Bytes{static_cast<std::int64_t>(count)}; }

/// The list may grow between asking for its length and reading it.
std::vector<nvml::Process> processes_of(const nvml::Calls& calls, nvml::DeviceHandle* device) {
    constexpr unsigned kMostProcesses = 4096;
    for (unsigned room = 64; room <= kMostProcesses; room *= 2) {
        std::vector<nvml::Process> processes(room);
        unsigned count = room;
        const int status = calls.processes(device, &count, processes.data());
        if (status == nvml::kInsufficientSize) continue;
        processes.resize(status == kSuccess ? count : 0);
        return processes;
    }
    return {};
}

}  // namespace

std::string Nvml::driver_version() const {
    Text text{};
    const bool known = calls_.driver_version(text.data(), text.size()) == kSuccess;
    return known ? std::string(text.data()) : std::string();
}

std::string Nvml::name() const {
    Text text{};
    const bool known = calls_.name(device_, text.data(), text.size()) == kSuccess;
    return known ? std::string(text.data()) : std::string();
}

GpuMemory Nvml::memory() const {
    nvml::Memory memory{.version = nvml::kMemoryVersion};
    if (calls_.memory(device_, &memory) != kSuccess) return {};
    return {.total = bytes_from(memory.total),
            .reserved = bytes_from(memory.reserved),
            .free = bytes_from(memory.free),
            .used = bytes_from(memory.used)};
}

GpuClocks Nvml::clocks() const {
    const auto ask = [&](auto call, nvml::Clock clock) {
        unsigned megahertz = 0;
        return call(device_, clock, &megahertz) == kSuccess ? megahertz : 0;
    };
    unsigned milliwatts = 0;
    if (calls_.power_limit(device_, &milliwatts) != kSuccess) milliwatts = 0;
    return {.sm = ask(calls_.clock, nvml::Clock::sm),
            .sm_max = ask(calls_.max_clock, nvml::Clock::sm),
            .memory = ask(calls_.clock, nvml::Clock::memory),
            .memory_max = ask(calls_.max_clock, nvml::Clock::memory),
            .power_limit = static_cast<double>(milliwatts) / 1000.0};
}

Bytes Nvml::process_memory() const {
    const auto processes = processes_of(calls_, device_);
    const auto self = static_cast<unsigned>(getpid());
    for (const auto& process : processes) {
        const bool mine = process.pid == self || processes.size() == 1;
        if (mine && process.used != kUnknown) return bytes_from(process.used);
    }
    return {};
}

NvmlOpened open_nvml(const std::string& bus, const nvml::Calls& calls) {
    const auto failed = [&](const char* call, int status) {
        return NvmlOpened{.missing = fmt::format("{}: {}", call, calls.error_text(status))};
    };
    if (const int status = calls.init(); status != kSuccess) return failed("nvmlInit_v2", status);
    nvml::DeviceHandle* device = nullptr;
    const int status = calls.device_by_bus(bus.c_str(), &device);
    if (status != kSuccess) {
        calls.shutdown();
        return failed("nvmlDeviceGetHandleByPciBusId_v2", status);
    }
    return {.nvml = std::make_unique<Nvml>(calls, device)};
}

NvmlOpened open_nvml(const std::string& bus, const std::string& library) {
    const SharedLibrary opened(library);
    if (!opened) return {.missing = fmt::format("{} is not there: {}", library, opened.missing())};
    nvml::Calls calls;
    const std::string missing = find_calls(opened, calls);
    if (missing.empty()) return open_nvml(bus, calls);
    return {.missing = fmt::format("{} is too old: it has no {}", library, missing)};
}

}  // namespace headroom
