#include "planner/engine/allocator_replay.h"

#include <algorithm>
#include <deque>
#include <map>

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
        for (const auto size : plan_.scales) allocate(size, BlockStream::compute);
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
        std::vector<CachingAllocator::Handle> zeros;
        for (const auto size : plan_.flat.zeros)
            zeros.push_back(allocate(size, BlockStream::compute));
        for (const auto size : plan_.flat.started) allocate(size, BlockStream::compute);
        for (const auto handle : zeros) pool(BlockStream::compute).release(handle);
    }

    void load(const LoadedUnit& unit) {
        std::vector<CachingAllocator::Handle> passing;
        Bytes whole{};
        for (const auto size : unit.parameters) {
            passing.push_back(allocate(size, BlockStream::compute));
            whole += size;
        }
        for (std::size_t i = 0; i < unit.buckets.size(); i += 2) {
            const auto end = std::min(i + 2, unit.buckets.size());
            pass_through({unit.buckets.begin() + static_cast<std::ptrdiff_t>(i),
                          unit.buckets.begin() + static_cast<std::ptrdiff_t>(end)});
        }
        passing.push_back(allocate(whole, BlockStream::compute));
        allocate(unit.shard, BlockStream::compute);
        for (const auto handle : passing) pool(BlockStream::compute).release(handle);
    }

    void micro_batches() {
        std::int64_t next = 0;
        std::int64_t done = 0;
        const std::int64_t count = plan_.micro_batches;
        while (next < std::min(plan_.in_flight, count)) play(program_.forward, next++);
        while (done < count) {
            const bool summed = plan_.gradients == GradientLife::summed;
            if (summed) drop_gradients();
            play(program_.backward, done++);
            if (summed) sum_gradients();
            if (next < count) play(program_.forward, next++);
        }
    }

    void pass_through(const std::vector<Bytes>& group) {
        std::vector<CachingAllocator::Handle> held;
        for (const auto size : group) held.push_back(allocate(size, BlockStream::compute));
        for (const auto handle : held) pool(BlockStream::compute).release(handle);
    }

    void update() {
        pass_through(plan_.reduced);
        if (plan_.gradients == GradientLife::reduced) drop_gradients();
        for (const auto& group : plan_.update) pass_through(group);
        if (plan_.gradients == GradientLife::step) drop_gradients();
    }

    /// Each is added to its fp32 sum through an fp32 copy.
    void sum_gradients() {
        for (const auto& [buffer, handle] : gradients_) {
            pass_through({2 * program_.buffers[buffer].size});
        }
    }

    void drop_gradients() {
        for (const auto& [buffer, handle] : gradients_) pool(BlockStream::compute).release(handle);
        gradients_.clear();
    }

    void play(const std::vector<ProgramEvent>& events, std::int64_t batch) {
        auto& handles = handles_[static_cast<std::size_t>(batch) % handles_.size()];
        handles.resize(program_.buffers.size());
        for (const auto& event : events) {
            const ProgramBuffer& buffer = program_.buffers[event.buffer];
            if (event.kind == EventKind::allocate) {
                handles[event.buffer] = allocate(buffer.size, buffer.stream);
                if (buffer.life == BufferLife::two_later) wait_two(handles[event.buffer]);
            } else if (goes(event.buffer, handles[event.buffer])) {
                pool(buffer.stream).release(handles[event.buffer]);
            }
        }
    }

    void wait_two(CachingAllocator::Handle handle) {
        waiting_.push_back(handle);
        if (waiting_.size() <= 2) return;
        pool(BlockStream::compute).release(waiting_.front());
        waiting_.pop_front();
    }

    bool goes(std::uint32_t at, CachingAllocator::Handle handle) {
        const BufferLife life = program_.buffers[at].life;
        if (life == BufferLife::two_later) return false;
        return life == BufferLife::micro_batch || !gradients_.try_emplace(at, handle).second;
    }

    const StepProgram& program_;
    const ReplayPlan& plan_;
    std::vector<CachingAllocator> pools_;
    std::vector<std::vector<CachingAllocator::Handle>> handles_ =
        std::vector<std::vector<CachingAllocator::Handle>>(kMostInFlight);
    std::map<std::uint32_t, CachingAllocator::Handle> gradients_{};  ///< that stay, by buffer
    std::deque<CachingAllocator::Handle> waiting_{};
    Bytes peak_{};
};

}  // namespace

Bytes replayed_reserve(const StepProgram& program, const ReplayPlan& plan) {
    return Replayer(program, plan).run();
}

}  // namespace headroom
