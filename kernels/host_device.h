#pragma once

/// Marks what both host code and CUDA kernels call.
#ifdef __CUDACC__
#define HEADROOM_HOST_DEVICE __host__ __device__
#else
#define HEADROOM_HOST_DEVICE
#endif
