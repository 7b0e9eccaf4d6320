// Dot products of bytes and nothing else: the reference for the speed of the integer kernels.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

struct IntegerPeakKernels {
  // Returns the integer operations of all rounds. Reads a weight from `result` and writes one sum
  // to it, so that the compiler does not remove the loop.
  int64_t (*run)(int64_t rounds, int32_t* result);
};

CNNX_DECLARE_INTEGER_TILE_KERNELS(IntegerPeakKernels, integer_peak_kernels)

}  // namespace cnnx
