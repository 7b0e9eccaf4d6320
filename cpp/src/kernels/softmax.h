// Softmax of rows and its logarithm, forward and backward.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

struct SoftmaxKernels {
  using Forward = void (*)(const float* x, int64_t rows, int64_t classes, float* output);
  Forward softmax, log_softmax;
};

struct SoftmaxGradientKernels {
  using Backward = void (*)(const float* grad_output, const float* output, int64_t rows,
                            int64_t classes, bool accumulate, float* grad_input);
  Backward softmax, log_softmax;
};

CNNX_DECLARE_KERNELS(SoftmaxKernels, softmax_kernels)
CNNX_DECLARE_KERNELS(SoftmaxGradientKernels, softmax_gradient_kernels)

}  // namespace cnnx
