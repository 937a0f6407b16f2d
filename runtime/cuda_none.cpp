#include "runtime/backend.h"

namespace headroom {

std::unique_ptr<Backend> make_cuda_backend(int /*device*/, TensorWords /*words*/) {
    throw DeviceError(cuda_missing());
}

std::string cuda_missing() { return "this program was built without CUDA"; }

}  // namespace headroom
