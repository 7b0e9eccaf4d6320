// The sum of the squares of one chunk of gradients, in double precision.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

struct GradientClippingKernels {
  double (*sum_of_squares)(const float* values, int64_t count);
};

CNNX_DECLARE_KERNELS(GradientClippingKernels, gradient_clipping_kernels)

}  // namespace cnnx
