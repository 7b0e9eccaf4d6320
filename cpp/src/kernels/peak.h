// Fused multiply-adds and nothing else: what the other kernels are measured against.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

struct PeakKernels {
  // Returns the floating-point operations of all rounds; `result`, one float, keeps the compiler
  // from leaving them out.
  int64_t (*run)(int64_t rounds, float* result);
};

CNNX_DECLARE_KERNELS(PeakKernels, peak_kernels)

}  // namespace cnnx
