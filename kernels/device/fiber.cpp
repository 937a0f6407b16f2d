#include "kernels/device/fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <new>

#if defined(__x86_64__) && !defined(HEADROOM_SIMT_UCONTEXT)
#define HEADROOM_FIBER_ASSEMBLY 1
#else
#include <ucontext.h>
#endif

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
// Frames that a fiber leaves for good must not stay poisoned for the next one on its stack.
#define HEADROOM_FIBER_FRAME __attribute__((no_sanitize_address))
#else
#define HEADROOM_FIBER_FRAME
#endif

#if defined(HEADROOM_FIBER_ASSEMBLY)
// Keeps what a call must preserve on the old stack, takes it from the new one. About twenty times
// as fast as swapcontext, which asks the kernel for the signal mask.
extern "C" void headroom_fiber_switch(void** old_stack, void* new_stack);
asm(R"(
.text
.globl headroom_fiber_switch
.type headroom_fiber_switch, @function
headroom_fiber_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size headroom_fiber_switch, .-headroom_fiber_switch
)");
#endif

namespace headroom::simt {

struct Fiber::State {
    std::byte* map = nullptr;
    std::size_t guard = 0;
    void (*body)(void*) = nullptr;
    void* context = nullptr;
    bool finished = false;  ///< nothing lies on the stack
#if defined(HEADROOM_FIBER_ASSEMBLY)
    void* inside = nullptr;
    void* outside = nullptr;
#else
    ucontext_t inside{};
    ucontext_t outside{};
#endif
#if defined(__SANITIZE_ADDRESS__)
    void* fake_inside = nullptr;
    void* fake_outside = nullptr;
    const void* outside_bottom = nullptr;
    std::size_t outside_bytes = 0;
#endif

    [[nodiscard]] std::byte* stack() const { return map + guard; }

    void switch_in() {
#if defined(__SANITIZE_ADDRESS__)
        __sanitizer_start_switch_fiber(&fake_outside, stack(), kStackBytes);
#endif
#if defined(HEADROOM_FIBER_ASSEMBLY)
        headroom_fiber_switch(&outside, inside);
#else
        swapcontext(&outside, &inside);
#endif
#if defined(__SANITIZE_ADDRESS__)
        __sanitizer_finish_switch_fiber(fake_outside, nullptr, nullptr);
#endif
    }

    HEADROOM_FIBER_FRAME void switch_out([[maybe_unused]] bool last) {
        finished = last;
#if defined(__SANITIZE_ADDRESS__)
        __sanitizer_start_switch_fiber(last ? nullptr : &fake_inside, outside_bottom,
                                       outside_bytes);
#endif
#if defined(HEADROOM_FIBER_ASSEMBLY)
        headroom_fiber_switch(&inside, outside);
#else
        swapcontext(&inside, &outside);
#endif
        arrived();
    }

    void arrived() {
#if defined(__SANITIZE_ADDRESS__)
        __sanitizer_finish_switch_fiber(fake_inside, &outside_bottom, &outside_bytes);
#endif
    }
};

namespace {

// Whose first switch it is: makecontext hands over only ints, the assembly nothing at all.
thread_local void* entering = nullptr;

template <class State>
HEADROOM_FIBER_FRAME void run_entering() {
    auto* const state = static_cast<State*>(entering);
    state->arrived();
    state->body(state->context);
    state->switch_out(true);
}

}  // namespace

Fiber::Fiber() : state_(std::make_unique<State>()) {
    state_->guard = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    void* const map = mmap(nullptr, state_->guard + kStackBytes, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) throw std::bad_alloc();
    state_->map = static_cast<std::byte*>(map);
    if (mprotect(map, state_->guard, PROT_NONE) != 0) throw std::bad_alloc();
}

Fiber::~Fiber() { munmap(state_->map, state_->guard + kStackBytes); }

void Fiber::start(void (*body)(void*), void* context) {
    state_->body = body;
    state_->context = context;
#if defined(__SANITIZE_ADDRESS__)
    if (!state_->finished) __asan_unpoison_memory_region(state_->stack(), kStackBytes);
    state_->fake_inside = nullptr;
#endif
#if defined(HEADROOM_FIBER_ASSEMBLY)
    // Six registers, the entry that `ret` goes to, and its return address, which is never used;
    // at the entry the stack is 8 off a multiple of 16, as after a call.
    auto* top = reinterpret_cast<std::uintptr_t*>(state_->stack() + kStackBytes);
    *--top = 0;
    *--top = reinterpret_cast<std::uintptr_t>(&run_entering<State>);
    for (int i = 0; i < 6; ++i) *--top = 0;
    state_->inside = top;
#else
    getcontext(&state_->inside);
    state_->inside.uc_stack.ss_sp = state_->stack();
    state_->inside.uc_stack.ss_size = kStackBytes;
    state_->inside.uc_link = nullptr;
    makecontext(&state_->inside, &run_entering<State>, 0);
#endif
}

void Fiber::enter() {
    entering = state_.get();
    state_->switch_in();
}

void Fiber::leave() { state_->switch_out(false); }

}  // namespace headroom::simt
