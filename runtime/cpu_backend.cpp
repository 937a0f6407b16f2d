#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <utility>

#include "kernels/cpu/blas_info.h"
#include "kernels/cpu/threads.h"
#include "runtime/backend.h"
#include "runtime/control_group.h"
#include "runtime/process_memory.h"

namespace headroom {
namespace {

using Clock = std::chrono::steady_clock;

/// Blocks come straight from the kernel, so that releasing one gives its pages back at once.
class CpuBackend final : public Backend {
public:
    explicit CpuBackend(const KernelTable& table) : table_(table) { note("start"); }
    ~CpuBackend() override {
        for (const auto& [block, size] : blocks_) munmap(block, size);
    }

    [[nodiscard]] const KernelTable& table() const override { return table_; }
    [[nodiscard]] std::string describe() const override {
        return fmt::format("{}, {} threads, {}", processor_name(), thread_count(), blas_name());
    }

    std::byte* allocate(Bytes size, Place) override {
        const auto bytes = static_cast<std::size_t>(std::max<std::int64_t>(size.count(), 1));
        const Bytes available = machine_memory().available;
        void* block = size > available ? MAP_FAILED
                                       : mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (block == MAP_FAILED) {
            throw OutOfMemory(fmt::format("a block of {} does not fit: {} of memory are available",
                                          to_string(size), to_string(available)));
        }
        blocks_[block] = bytes;
        return static_cast<std::byte*>(block);
    }
    void release(std::byte* block, Place) noexcept override {
        const auto found = blocks_.find(block);
        if (found == blocks_.end()) return;
        munmap(found->first, found->second);
        blocks_.erase(found);
    }
    void write(std::byte* to, std::span<const std::byte> from, Place) override {
        if (!from.empty()) std::memcpy(to, from.data(), from.size());
    }
    void read(std::span<std::byte> to, const std::byte* from, Place) override {
        if (!to.empty()) std::memcpy(to.data(), from, to.size());
    }
    void fill(std::byte* at, Bytes size, std::uint8_t value, Place) override {
        std::memset(at, value, static_cast<std::size_t>(size.count()));
    }

    void launch(const Op& op, Launch launch) override {
        launch.work = &work_;
        table_[op].run(op, launch);
    }
    void add_loss(const TensorView& loss, StepScalars* results) override {
        double sum = 0.0;
        for (std::int64_t i = 0; i < loss.count(); ++i) {
            sum += loss.dtype == DType::f64 ? loss.as<double>()[i]
                                            : static_cast<double>(loss.as<float>()[i]);
        }
        results->loss_sum += sum;
    }
    void synchronize() override {}

    void mark(std::size_t index) override {
        if (marks_.size() <= index) marks_.resize(index + 1);
        marks_[index] = Clock::now();
    }
    Seconds between(std::size_t first, std::size_t last) override {
        return Seconds{std::chrono::duration<double>(marks_.at(last) - marks_.at(first)).count()};
    }

    DeviceMemory memory() override {
        const auto machine = machine_memory();
        return {.total = machine.total, .free = machine.available, .process = resident_set()};
    }
    [[nodiscard]] std::vector<MemoryStage> stages() const override { return stages_; }
    WorkCounter take_work() override { return std::exchange(work_, {}); }

private:
    void note(std::string stage) { stages_.push_back({std::move(stage), memory()}); }

    const KernelTable& table_;
    std::map<void*, std::size_t> blocks_{};
    std::vector<Clock::time_point> marks_{};
    std::vector<MemoryStage> stages_{};
    WorkCounter work_{};
};

}  // namespace

std::unique_ptr<Backend> make_cpu_backend(const KernelTable& table) {
    // Threads beyond a container's share of time would wait for each other's turns.
    if (const auto threads = control_group().threads()) limit_threads(*threads);
    return std::make_unique<CpuBackend>(table);
}

}  // namespace headroom
