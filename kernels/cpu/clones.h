#pragma once

/// A function compiled for several widths of vectors, the processor's chosen when the program
/// starts.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define HEADROOM_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define HEADROOM_CLONES
#endif
