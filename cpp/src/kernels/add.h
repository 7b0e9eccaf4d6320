// The inner loop of sums of arrays.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

struct AddKernels {
  // output = a + b, then x < 0 ? 0 : x with `relu`; output may be a or b.
  void (*add)(const float* a, const float* b, int64_t count, bool relu, float* output);
};

CNNX_DECLARE_KERNELS(AddKernels, add_kernels)

}  // namespace cnnx
