#include "planner/engine/allocator_replay.h"

#include <algorithm>

namespace headroom {
namespace {

/// Steps after which what the allocator holds no longer grows in the runs seen.
constexpr int kStepsUntilSteady = 3;
constexpr std::size_t kMostInFlight = 128;

class Replayer {
public:
    Replayer(const StepProgram& program, const ReplayPlan& plan)
        : program_(program), plan_(plan), pools_(kBlockStreams, CachingAllocator(plan.rules)) {}

    /// Moments are first allocated when the first step ends: they take what its activations left
    /// free, and the next steps find it in pieces.
    Bytes run() {
        flatten();
        for (const auto& unit : plan_.loaded) load(unit);
        for (const auto size : plan_.kept) allocate(size, BlockStream::compute);
        for (int step = 0; step < kStepsUntilSteady; ++step) {
            if (step == 1) {
                for (const auto size : plan_.moments) allocate(size, BlockStream::compute);
            }
            micro_batches();
            update();
        }
        return peak_;
    }

private:
    CachingAllocator& pool(BlockStream stream) { return pools_[static_cast<std::size_t>(stream)]; }

    [[nodiscard]] Bytes reserved() const {
        Bytes sum{};
        for (const auto& pool : pools_) sum += pool.reserved();
        return sum;
    }

    /// Where the driver has no more, the allocator gives back what is wholly free and asks again.
    CachingAllocator::Handle allocate(Bytes size, BlockStream stream) {
        const CachingAllocator::Handle handle = pool(stream).allocate(size);
        if (plan_.limit > Bytes{} && reserved() > plan_.limit) {
            for (auto& pool : pools_) pool.trim();
        }
        peak_ = std::max(peak_, reserved());
        return handle;
    }

    /// The modules' own weights go when they are copied into the flat buffer; what they leave is
    /// filled by what fits.
    void flatten() {
        std::vector<CachingAllocator::Handle> own;
        for (const auto size : plan_.flat.weights)
            own.push_back(allocate(size, BlockStream::compute));
        for (const auto size : plan_.flat.buffers) allocate(size, BlockStream::compute);
        for (const auto handle : own) pool(BlockStream::compute).release(handle);
        for (const auto size : plan_.flat.masters) {
            const auto copy = allocate(Bytes{size.count() / 2}, BlockStream::compute);
            allocate(size, BlockStream::compute);
            pool(BlockStream::compute).release(copy);
        }
    }

    void load(const LoadedUnit& unit) {
        const auto parameters = allocate(unit.whole, BlockStream::compute);
        const auto flat = allocate(unit.whole, BlockStream::compute);
        allocate(unit.shard, BlockStream::compute);
        pool(BlockStream::compute).release(parameters);
        pool(BlockStream::compute).release(flat);
    }

    void micro_batches() {
        std::int64_t next = 0;
        std::int64_t done = 0;
        const std::int64_t count = plan_.micro_batches;
        while (next < std::min(plan_.in_flight, count)) play(program_.forward, next++);
        while (done < count) {
            play(program_.backward, done++);
            if (next < count) play(program_.forward, next++);
        }
    }

    void update() {
        for (const auto& group : plan_.update) {
            std::vector<CachingAllocator::Handle> held;
            for (const auto size : group) held.push_back(allocate(size, BlockStream::compute));
            for (const auto handle : held) pool(BlockStream::compute).release(handle);
        }
    }

    void play(const std::vector<ProgramEvent>& events, std::int64_t batch) {
        auto& handles = handles_[static_cast<std::size_t>(batch) % handles_.size()];
        handles.resize(program_.buffers.size());
        for (const auto& event : events) {
            const ProgramBuffer& buffer = program_.buffers[event.buffer];
            if (event.kind == EventKind::allocate) {
                handles[event.buffer] = allocate(buffer.size, buffer.stream);
            } else {
                pool(buffer.stream).release(handles[event.buffer]);
            }
        }
    }

    const StepProgram& program_;
    const ReplayPlan& plan_;
    std::vector<CachingAllocator> pools_;
    std::vector<std::vector<CachingAllocator::Handle>> handles_ =
        std::vector<std::vector<CachingAllocator::Handle>>(kMostInFlight);
    Bytes peak_{};
};

}  // namespace

Bytes replayed_reserve(const StepProgram& program, const ReplayPlan& plan) {
    return Replayer(program, plan).run();
}

}  // namespace headroom
