#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/launch.h"
#include "planner/base/error.h"

namespace headroom {

/// Cuts a kernel's workspace into arrays, each on a cache line of its own.
class Slices {
public:
    static constexpr std::int64_t kAlign = 64;

    Slices(std::byte* data, std::int64_t size) : next_(data), left_(data == nullptr ? 0 : size) {}
    explicit Slices(const Launch& launch)
        : Slices(launch.workspace.data,
                 launch.workspace.data == nullptr ? 0 : bytes(launch.workspace).count()) {}

    /// Bytes that an array of `count` T takes.
    template <class T>
    static constexpr std::int64_t size(std::int64_t count) {
        const auto whole = count * static_cast<std::int64_t>(sizeof(T));
        return (whole + kAlign - 1) / kAlign * kAlign;
    }

    /// An undefined array of `count` T; throws InternalError when the workspace is used up.
    template <class T>
    T* take(std::int64_t count) {
        const std::int64_t wanted = size<T>(count);
        if (wanted > left_) throw InternalError("the kernels' workspace is too small");
        auto* array = reinterpret_cast<T*>(next_);
        next_ += wanted;
        left_ -= wanted;
        return array;
    }

    /// How many parts of `size` bytes are left, at most `most`; throws when there is none.
    [[nodiscard]] int parts(std::int64_t size, int most) const {
        const std::int64_t found = left_ / size;
        if (found == 0) throw InternalError("the kernels' workspace is too small");
        return found < most ? static_cast<int>(found) : most;
    }
    [[nodiscard]] Slices part(int index, std::int64_t size) const {
        return {next_ + index * size, size};
    }

    /// The launch with what is left as its workspace.
    [[nodiscard]] Launch rest(const Launch& launch) const {
        Launch inner = launch;
        inner.workspace.data = next_;
        inner.workspace.shape = {left_};
        inner.workspace.dtype = DType::u8;
        inner.workspace.stride = left_;
        return inner;
    }

private:
    std::byte* next_;
    std::int64_t left_;
};

}  // namespace headroom
