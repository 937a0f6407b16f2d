#pragma once

#include <cstddef>
#include <memory>

namespace headroom::simt {

/// A stack with a guard page below it and a place to go on from. Stacks are made once and used
/// again and again; what a fiber that never finished left on its stack is dropped.
class Fiber {
public:
    static constexpr std::size_t kStackBytes = std::size_t{128} << 10;

    Fiber();
    ~Fiber();
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;

    /// The next enter() calls body(context); the fiber is over when that returns. It must not
    /// throw.
    void start(void (*body)(void*), void* context);
    /// Runs the fiber until it leaves or is over.
    void enter();
    /// Back to whoever entered.
    void leave();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace headroom::simt
