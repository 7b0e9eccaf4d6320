// Softmax of rows and its logarithm, forward and backward.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

struct RowKernels {
  void (*forward)(const float* x, int64_t rows, int64_t classes, float* output);
  void (*backward)(const float* grad_output, const float* output, int64_t rows, int64_t classes,
                   bool accumulate, float* grad_input);
};

struct SoftmaxKernels {
  RowKernels softmax, log_softmax;
};

CNNX_DECLARE_KERNELS(SoftmaxKernels, softmax_kernels)

}  // namespace cnnx
