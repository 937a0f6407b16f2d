#include "kernels/cpu/threads.h"

#include <omp.h>

#include <algorithm>
#include <cstdlib>

namespace headroom {

int thread_count() { return omp_get_max_threads(); }

void limit_threads(int most) {
    if (std::getenv("OMP_NUM_THREADS") != nullptr) return;  // NOLINT(concurrency-mt-unsafe)
    omp_set_num_threads(std::clamp(most, 1, thread_count()));
}

}  // namespace headroom
