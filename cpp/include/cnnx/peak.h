// The peak arithmetic speed of one thread and the distance between two, as references for
// benchmarks; unused in training and inference.
#pragma once

#include <cstdint>

#include "cnnx/export.h"

namespace cnnx {

// Runs rounds of independent fused multiply-adds on registers in the calling thread, with the
// instruction set of the kernels, and returns the number of floating-point operations, two per
// multiply-add. ("baseline" multiplies and adds separately.)
CNNX_API int64_t run_fma_peak(int64_t rounds);

// Runs rounds of independent dot products of bytes on registers in the calling thread, with the
// instructions of `integer_isa`, and returns the number of integer operations, two per
// multiply-add.
CNNX_API int64_t run_integer_peak(int64_t rounds);

// Seconds that a cache line takes from the core of one thread to that of another, the least of
// some measurements, which take less than a millisecond if the two run at once. Infinity if they
// do not within a tenth of a second.
CNNX_API double core_to_core_seconds();

}  // namespace cnnx
