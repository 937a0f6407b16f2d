#pragma once

#include <memory>

#include "planner/base/error.h"
#include "runtime/backend.h"
#include "tests/support/catch.h"

namespace headroom::test {

/// The machine's first GPU; null where there is none, which the test says and ends.
inline std::unique_ptr<Backend> gpu_or_skip() {
    const auto missing = cuda_missing();
    if (missing.empty()) return make_cuda_backend();
    WARN("skipped: " << missing);
    return nullptr;
}

/// The same with attention of wgmma; null where the GPU or this build has none.
inline std::unique_ptr<Backend> wgmma_or_skip() {
    if (gpu_or_skip() == nullptr) return nullptr;
    try {
        return make_cuda_backend(0, TensorWords::wgmma);
    } catch (const DeviceError& error) {
        WARN("skipped: " << error.what());
        return nullptr;
    }
}

/// A tensor in the memory of a backend.
class OnDevice {
public:
    OnDevice(Backend& backend, Shape shape, DType dtype) : backend_(backend) {
        view_.shape = shape;
        view_.dtype = dtype;
        view_.stride = view_.columns();
        view_.data = backend.allocate(bytes(view_), Place::device);
    }
    ~OnDevice() { backend_.release(view_.data, Place::device); }
    OnDevice(const OnDevice&) = delete;
    OnDevice& operator=(const OnDevice&) = delete;

    [[nodiscard]] const TensorView& view() const { return view_; }
    /// Every element the same bits; 0x3F is 0.75 in bf16 and f32, or nearly.
    void fill(std::uint8_t byte) { backend_.fill(view_.data, bytes(view_), byte, Place::device); }
    [[nodiscard]] std::vector<std::byte> read() const {
        std::vector<std::byte> out(static_cast<std::size_t>(bytes(view_).count()));
        backend_.read(out, view_.data, Place::device);
        return out;
    }

private:
    Backend& backend_;
    TensorView view_{};
};

}  // namespace headroom::test
