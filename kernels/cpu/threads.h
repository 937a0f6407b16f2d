#pragma once

namespace headroom {

/// Threads that a kernel's loops are shared out to.
int thread_count();
/// Lets them be at most `most`; what OMP_NUM_THREADS says goes first.
void limit_threads(int most);

}  // namespace headroom
