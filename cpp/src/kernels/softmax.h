// Softmax of rows, forward and backward.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

struct SoftmaxKernels {
  void (*forward)(const float* x, int64_t rows, int64_t classes, float* output);
  void (*backward)(const float* grad_output, const float* output, int64_t rows, int64_t classes,
                   bool accumulate, float* grad_input);
};

CNNX_DECLARE_KERNELS(SoftmaxKernels, softmax_kernels)

}  // namespace cnnx
