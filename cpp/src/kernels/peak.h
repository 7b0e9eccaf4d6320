// Fused multiply-adds and nothing else: the reference for the speed of the other kernels.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

struct PeakKernels {
  // Returns the floating-point operations of all rounds. Writes one float to `result`, so that the
  // compiler does not remove the loop.
  int64_t (*run)(int64_t rounds, float* result);
};

CNNX_DECLARE_KERNELS(PeakKernels, peak_kernels)

}  // namespace cnnx
