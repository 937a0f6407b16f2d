#pragma once

// One source, two machines. A *_cuda.cu includes this header and is compiled
//   by nvcc:                   the names below are CUDA's own, or a thin layer over the runtime;
//   by g++ as C++:             every block runs in turn, every thread of a block is a fiber, so
//                              kernels are tested where there is no GPU (tests/simt).
//
// Words      __global__ __device__ __shared__ __forceinline__ __launch_bounds__(n) __restrict__
//            __grid_constant__
//            threadIdx blockIdx blockDim gridDim; warps are 32 consecutive threads, `simt::kWarp`.
// Shared     shared_memory<T>()              the launch's dynamic shared memory, 128-byte aligned
//            __shared__ SharedArray<T, N> a  static; emulated blocks find it full of NaN bits
//            __shared__ T a[N]               works too, but keeps what the last block left
// Meetings   __syncthreads()  __syncwarp()
//            __shfl_sync __shfl_xor_sync __shfl_up_sync __shfl_down_sync (values of <= 8 bytes)
//            __ballot_sync __any_sync __all_sync __match_any_sync
//            Masks are always full (simt::kAllLanes) and blocks are whole warps.
//            simt::warp_exchange(mine)       emulation only: every lane gives a trivially copyable
//                                            value of <= 64 bytes and sees all 32: what an emulated
//                                            mma or ldmatrix is made of; the answer lives until
//                                            the lane's next meeting of its warp
// Atomics    atomicAdd, atomicMax, atomicMin, atomicOr on integers only: sums of floats in the
//            order of arrival would differ from run to run
// Arithmetic expf, tanhf, erff, rsqrtf, sincospif, fmaf ... and __expf, __logf, __fdividef,
//            __umulhi, __popc, __ffs, __clz, __float_as_uint, __uint_as_float, __ldg
// Host side  launch_kernel(kernel<T>, Extent3 grid, Extent3 block, shared_bytes, stream, args...)
//            fill_bytes(stream, to, value, bytes)   copy_bytes(stream, to, from, bytes)
//            processors()            streaming multiprocessors, to size grids
//            shared_bytes_limit()    dynamic shared memory that one block may have
//            resident_blocks(kernel<T>, threads)    that a multiprocessor runs at once
//
// The emulation throws simt::Misuse with a sentence when threads of a block do not meet at the same
// barrier, when a warp's lanes meet in different operations, and when a launch breaks a limit of
// the hardware. simt::ScopedOrder(simt::Order::reverse) runs threads, warps and blocks last to
// first: a kernel that lacks a barrier gives different results in the two orders.
// simt::ScopedSharedBytes(n) gives blocks no more than n bytes of shared memory. AddressSanitizer
// knows the fibers, so reads and writes outside an allocation are caught in kernels as well.

#include "kernels/host_device.h"

#if defined(__CUDACC__)
#include "kernels/device/simt_cuda.h"
#else
#include "kernels/device/simt_fibers.h"
#endif
