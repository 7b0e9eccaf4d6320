// The fastest that one thread can calculate, for benchmarks to divide by. No part of training or
// running a network.
#pragma once

#include <cstdint>

#include "cnnx/export.h"

namespace cnnx {

// Runs rounds of independent fused multiply-adds on registers, with the instruction set of the
// kernels and on the calling thread, and returns how many floating-point operations they were, two
// each. ("baseline" multiplies and adds.)
CNNX_API int64_t run_fma_peak(int64_t rounds);

}  // namespace cnnx
