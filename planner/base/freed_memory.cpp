#include "planner/base/freed_memory.h"

#include <cstdlib>  // tells whether this is glibc

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace headroom {

void keep_freed_memory() {
#ifdef __GLIBC__
    constexpr int kKept = 64 << 20;        // several graphs of the largest models
    constexpr int kOwnMapping = 32 << 20;  // the most that glibc takes; larger blocks are not kept
    // Before the program starts a thread.
    mallopt(M_TRIM_THRESHOLD, kKept);        // NOLINT(concurrency-mt-unsafe)
    mallopt(M_MMAP_THRESHOLD, kOwnMapping);  // NOLINT(concurrency-mt-unsafe)
#endif
}

}  // namespace headroom
