#include "runtime/nvml.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "tests/support/catch.h"

namespace headroom::test {
namespace {

/// What the stand-in for the driver's library answers.
struct Driver {
    int init_status = 0;
    int device_status = 0;
    std::vector<nvml::Process> processes{};
    int live = 0;  ///< inits less shutdowns
};
Driver driver;

int put_text(const char* text, char* to, unsigned room) {
    std::strncpy(to, text, room);
    return 0;
}

int list_processes(nvml::DeviceHandle*, unsigned* count, nvml::Process* to) {
    const auto there = static_cast<unsigned>(driver.processes.size());
    const bool fits = there <= *count;
    *count = there;
    if (!fits) return nvml::kInsufficientSize;
    std::ranges::copy(driver.processes, to);
    return 0;
}

int give_memory(nvml::DeviceHandle*, nvml::Memory* memory) {
    if (memory->version != (40U | 2U << 24)) return 25;  // as the driver checks it
    memory->total = 1000;
    memory->reserved = 10;
    memory->free = 690;
    memory->used = 310;
    return 0;
}

nvml::Calls calls() {
    return {
        .init = [] { return driver.init_status == 0 ? (++driver.live, 0) : driver.init_status; },
        .shutdown = [] { return --driver.live, 0; },
        .error_text = [](int) { return "Driver Not Loaded"; },
        .driver_version = [](char* to, unsigned room) { return put_text("580.65", to, room); },
        .device_by_bus =
            [](const char*, nvml::DeviceHandle** device) {
                *device = nullptr;
                return driver.device_status;
            },
        .name = [](nvml::DeviceHandle*, char* to,
                   unsigned room) { return put_text("NVIDIA H200", to, room); },
        .memory = give_memory,
        .processes = list_processes,
        .clock = [](nvml::DeviceHandle*, nvml::Clock clock,
                    unsigned* to) { return *to = clock == nvml::Clock::sm ? 1980 : 3201, 0; },
        .max_clock = [](nvml::DeviceHandle*, nvml::Clock, unsigned*) { return 3; },
        .power_limit = [](nvml::DeviceHandle*, unsigned* to) { return *to = 700000, 0; },
    };
}

}  // namespace

TEST_CASE("AbsentDriverLibraryIsNamed") {
    const NvmlOpened opened = open_nvml("0000:00:00.0", "libno-such-driver.so.1");
    CHECK(opened.nvml == nullptr);
    CHECK(opened.missing.find("libno-such-driver.so.1 is not there") == 0);
}

TEST_CASE("LibraryWithoutTheCallsIsTooOld") {
    const NvmlOpened opened = open_nvml("0000:00:00.0", "libm.so.6");
    CHECK(opened.missing == "libm.so.6 is too old: it has no nvmlInit_v2");
}

TEST_CASE("DriverThatIsNotLoadedIsTheReason") {
    driver = {.init_status = 9};
    CHECK(open_nvml("0000:19:00.0", calls()).missing == "nvmlInit_v2: Driver Not Loaded");
    driver = {.device_status = 6};
    CHECK(open_nvml("0000:19:00.0", calls()).missing.find("nvmlDeviceGetHandle") == 0);
    CHECK(driver.live == 0);
}

TEST_CASE("GpuMemoryAndClocksAreTheDrivers") {
    driver = {};
    {
        const NvmlOpened opened = open_nvml("0000:19:00.0", calls());
        REQUIRE(opened.nvml != nullptr);
        const Nvml& gpu = *opened.nvml;
        CHECK(gpu.name() == "NVIDIA H200");
        CHECK(gpu.driver_version() == "580.65");
        CHECK(gpu.memory().used == Bytes{310});
        CHECK(gpu.memory().reserved == Bytes{10});
        CHECK(gpu.clocks().sm == 1980);
        CHECK(gpu.clocks().memory == 3201);
        CHECK(gpu.clocks().sm_max == 0);  // a call that fails
        CHECK(gpu.clocks().power_limit == 700.0);
    }
    CHECK(driver.live == 0);
}

TEST_CASE("ProcessMemoryIsThisProcesss") {
    const auto self = static_cast<unsigned>(getpid());
    const auto used = [](std::vector<nvml::Process> processes) {
        driver = {.processes = std::move(processes)};
        return open_nvml("0000:19:00.0", calls()).nvml->process_memory();
    };
    CHECK(used({{.pid = self + 1, .used = 5}, {.pid = self, .used = 7}}) == Bytes{7});
    CHECK(used({{.pid = self + 1, .used = 5}}) == Bytes{5});  // ids of another namespace
    CHECK(used({{.pid = self + 1, .used = 5}, {.pid = self + 2, .used = 7}}) == Bytes{});
    CHECK(used({{.pid = self, .used = ~0ULL}}) == Bytes{});
    CHECK(used({}) == Bytes{});
    std::vector<nvml::Process> many(200, {.pid = self + 1, .used = 1});
    many.back() = {.pid = self, .used = 9};
    CHECK(used(many) == Bytes{9});
}

}  // namespace headroom::test
