#pragma once

namespace headroom {

/// For programs that plan again and again, before they start a thread: memory that is freed stays
/// with the process. A graph is some megabytes, made and dropped for every plan, and to get its
/// pages from the system each time takes a third of a prediction.
void keep_freed_memory();

}  // namespace headroom
