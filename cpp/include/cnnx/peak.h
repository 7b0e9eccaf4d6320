// The peak arithmetic speed of one thread, as a reference for benchmarks; unused in training and
// inference.
#pragma once

#include <cstdint>

#include "cnnx/export.h"

namespace cnnx {

// Runs rounds of independent fused multiply-adds on registers in the calling thread, with the
// instruction set of the kernels, and returns the number of floating-point operations, two per
// multiply-add. ("baseline" multiplies and adds separately.)
CNNX_API int64_t run_fma_peak(int64_t rounds);

}  // namespace cnnx
