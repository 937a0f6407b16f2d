#include "kernels/device/simt_fibers.h"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <memory>
#include <new>
#include <vector>

#include "kernels/device/fiber.h"

namespace headroom::simt {

namespace {

constexpr unsigned kMaxThreads = 1024;
constexpr unsigned kMaxGridYz = 65535;
constexpr std::byte kPoison{0xFF};  // NaN in every floating format

enum class Waits : std::uint8_t { no, for_warp, for_block, done };

struct Thread {
    Fiber fiber{};
    Extent3 index{};
    Waits waits = Waits::no;
    Meeting meeting = Meeting::sync;
    std::size_t size = 0;
};

/// Slots are filled in turn: nobody meets twice more before all have read what it shows now.
struct Warp {
    std::array<std::array<Slot, kWarp>, 2> slots;
    std::array<std::uint8_t, kWarp> turn{};
};

struct Free {
    void operator()(std::byte* at) const { std::free(at); }
};

/// The machine: threads of the one block that runs, and what they share.
struct Machine {
    std::vector<std::unique_ptr<Thread>> threads{};
    std::vector<Warp> warps{};
    std::vector<std::pair<void*, std::size_t>> statics{};
    std::unique_ptr<std::byte, Free> dynamic{};
    std::size_t dynamic_bytes = 0;
    std::size_t count = 0;
    std::size_t current = 0;
    bool running = false;
    Order order = Order::forward;
    std::size_t shared_limit = std::size_t{227} << 10;
    void (*body)(void*) = nullptr;
    void* context = nullptr;
    std::exception_ptr error{};
};

Machine& machine() {
    static thread_local Machine the{};
    return the;
}

std::string text(const Extent3& at) {
    return "(" + std::to_string(at.x) + ", " + std::to_string(at.y) + ", " + std::to_string(at.z) +
           ")";
}

std::string thread_text(const Machine& m, std::size_t i) {
    return "thread " + text(m.threads[i]->index) + " of block " + text(blockIdx);
}

/// The i-th of n in the order asked for.
std::size_t ordered(Order order, std::size_t i, std::size_t n) {
    return order == Order::forward ? i : n - 1 - i;
}

Thread& self() {
    Machine& m = machine();
    if (!m.running) throw Misuse("a meeting of threads outside a kernel");
    return *m.threads[m.current];
}

void thread_main(void*) {
    Machine& m = machine();
    try {
        m.body(m.context);
    } catch (...) {
        m.error = std::current_exception();
    }
    m.threads[m.current]->waits = Waits::done;
}

void enter(Machine& m, std::size_t i) {
    m.current = i;
    threadIdx = m.threads[i]->index;
    m.threads[i]->fiber.enter();
    if (m.error) std::rethrow_exception(std::exchange(m.error, nullptr));
}

void wait(Waits what) {
    Thread& thread = self();
    thread.waits = what;
    thread.fiber.leave();
}

std::size_t waiting(const Machine& m, std::size_t first, std::size_t count, Waits what) {
    std::size_t n = 0;
    for (std::size_t i = first; i < first + count; ++i) n += m.threads[i]->waits == what ? 1 : 0;
    return n;
}

void release(Machine& m, std::size_t first, std::size_t count) {
    for (std::size_t i = first; i < first + count; ++i) m.threads[i]->waits = Waits::no;
}

/// Lets a warp go on once its lanes have met; throws when they met for different things.
bool release_warp(Machine& m, std::size_t first) {
    const std::size_t met = waiting(m, first, kWarp, Waits::for_warp);
    if (met == 0) return false;
    if (met < kWarp) {
        const std::size_t done = waiting(m, first, kWarp, Waits::done);
        throw Misuse(std::to_string(met) + " lanes of the warp of " + thread_text(m, first) +
                     " wait in a warp operation that " + std::to_string(kWarp - met - done) +
                     " lanes at a block barrier and " + std::to_string(done) +
                     " finished ones never reach");
    }
    const Thread& lead = *m.threads[first];
    for (std::size_t i = first; i < first + kWarp; ++i) {
        if (m.threads[i]->meeting == lead.meeting && m.threads[i]->size == lead.size) continue;
        throw Misuse(thread_text(m, i) + " and lane 0 of its warp meet in different operations");
    }
    release(m, first, kWarp);
    return true;
}

/// Runs a warp until every lane waits for the block or is done.
void run_warp(Machine& m, std::size_t first) {
    do {
        for (std::size_t k = 0; k < kWarp; ++k) {
            const std::size_t i = first + ordered(m.order, k, kWarp);
            if (m.threads[i]->waits == Waits::no) enter(m, i);
        }
    } while (release_warp(m, first));
}

/// Lets a block go on from a barrier; false: it is done.
bool release_block(Machine& m) {
    const std::size_t done = waiting(m, 0, m.count, Waits::done);
    if (done == m.count) return false;
    if (done > 0) {
        throw Misuse(std::to_string(m.count - done) + " of " + std::to_string(m.count) +
                     " threads of block " + text(blockIdx) +
                     " wait at __syncthreads, the others have finished");
    }
    release(m, 0, m.count);
    return true;
}

void run_block(Machine& m) {
    for (const auto& [at, bytes] : m.statics) std::memset(at, static_cast<int>(kPoison), bytes);
    if (m.dynamic) std::memset(m.dynamic.get(), static_cast<int>(kPoison), m.dynamic_bytes);
    for (std::size_t i = 0; i < m.count; ++i) {
        m.threads[i]->waits = Waits::no;
        m.threads[i]->fiber.start(thread_main, nullptr);
    }
    const std::size_t warps = m.count / kWarp;
    do {
        for (std::size_t w = 0; w < warps; ++w) run_warp(m, ordered(m.order, w, warps) * kWarp);
    } while (release_block(m));
}

void check_launch(Extent3 grid, Extent3 block, std::size_t shared_bytes) {
    const std::size_t threads = std::size_t{block.x} * block.y * block.z;
    if (threads == 0 || threads > kMaxThreads || block.z > 64) {
        throw Misuse("a block of " + text(block) + " threads; at most 1024");
    }
    if (threads % kWarp != 0) {
        throw Misuse("a block of " + text(block) + " threads is not whole warps");
    }
    if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > unsigned{INT_MAX} ||
        grid.y > kMaxGridYz || grid.z > kMaxGridYz) {
        throw Misuse("a grid of " + text(grid) + " blocks");
    }
    if (shared_bytes > shared_bytes_limit()) {
        throw Misuse("a block asks for " + std::to_string(shared_bytes) +
                     " bytes of shared memory; the limit is " +
                     std::to_string(shared_bytes_limit()));
    }
}

/// Exactly as long as asked for, so that AddressSanitizer sees its end.
void make_dynamic(Machine& m, std::size_t bytes) {
    constexpr std::size_t kAlign = 128;
    m.dynamic.reset();
    if (bytes == 0) return;
    void* at = nullptr;
    if (posix_memalign(&at, kAlign, bytes) != 0) throw std::bad_alloc();
    m.dynamic.reset(static_cast<std::byte*>(at));
    m.dynamic_bytes = bytes;
}

/// The machine is free again however a launch ends.
struct Occupied {
    Machine& m;
    explicit Occupied(Machine& machine) : m(machine) {
        if (m.running) throw Misuse("a launch inside a kernel");
        m.running = true;
    }
    ~Occupied() { m.running = false; }
    Occupied(const Occupied&) = delete;
    Occupied& operator=(const Occupied&) = delete;
};

void seat_threads(Machine& m, Extent3 block) {
    m.count = std::size_t{block.x} * block.y * block.z;
    while (m.threads.size() < m.count) m.threads.push_back(std::make_unique<Thread>());
    m.warps.assign(m.count / kWarp, Warp{});
    for (std::size_t i = 0; i < m.count; ++i) {
        const auto at = static_cast<unsigned>(i);
        m.threads[i]->index = {at % block.x, at / block.x % block.y, at / block.x / block.y};
    }
}

}  // namespace

ScopedOrder::ScopedOrder(Order order) : before_(std::exchange(machine().order, order)) {}
ScopedOrder::~ScopedOrder() { machine().order = before_; }

ScopedSharedBytes::ScopedSharedBytes(std::size_t limit)
    : before_(std::exchange(machine().shared_limit, limit)) {}
ScopedSharedBytes::~ScopedSharedBytes() { machine().shared_limit = before_; }
std::size_t shared_limit() { return machine().shared_limit; }

void run_grid(Extent3 grid, Extent3 block, std::size_t shared_bytes, void (*body)(void*),
              void* context) {
    check_launch(grid, block, shared_bytes);
    Machine& m = machine();
    const Occupied occupied(m);
    seat_threads(m, block);
    make_dynamic(m, shared_bytes);
    m.body = body;
    m.context = context;
    blockDim = block;
    gridDim = grid;
    const std::size_t blocks = std::size_t{grid.x} * grid.y * grid.z;
    for (std::size_t k = 0; k < blocks; ++k) {
        const auto b = ordered(m.order, k, blocks);
        blockIdx = {static_cast<unsigned>(b % grid.x), static_cast<unsigned>(b / grid.x % grid.y),
                    static_cast<unsigned>(b / grid.x / grid.y)};
        run_block(m);
    }
}

const Slot* meet_warp(Meeting meeting, unsigned mask, const void* mine, std::size_t size) {
    Machine& m = machine();
    Thread& thread = self();
    if (mask != kAllLanes) throw Misuse("a warp operation with a mask that is not full");
    const std::size_t at = m.current % kWarp;
    Warp& warp = m.warps[m.current / kWarp];
    const std::size_t turn = warp.turn[at];
    warp.turn[at] ^= 1U;
    if (size > 0) std::memcpy(warp.slots[turn][at].bytes.data(), mine, size);
    thread.meeting = meeting;
    thread.size = size;
    wait(Waits::for_warp);
    return warp.slots[turn].data();
}

void meet_block() { wait(Waits::for_block); }
int lane() {
    (void)self();
    return static_cast<int>(machine().current % kWarp);
}
std::byte* dynamic_shared() { return machine().dynamic.get(); }

void enlist_shared(void* at, std::size_t bytes) {
    std::memset(at, static_cast<int>(kPoison), bytes);
    machine().statics.emplace_back(at, bytes);
}

}  // namespace headroom::simt
