// Inner loops of max pooling on one image.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"
#include "kernels/pool2d.h"

namespace cnnx {

struct MaxPool2dKernels {
  // Output rows [row_begin, row_end) of the image x.
  void (*forward)(const PoolWindows& windows, const float* x, int64_t row_begin, int64_t row_end,
                  float* output);
};

struct MaxPool2dGradientKernels {
  // Input rows [row_begin, row_end) of the image's gradient.
  void (*backward)(const PoolWindows& windows, const float* grad_output, const float* x,
                   int64_t row_begin, int64_t row_end, bool accumulate, float* grad_input);
};

CNNX_DECLARE_KERNELS(MaxPool2dKernels, max_pool2d_kernels)
CNNX_DECLARE_KERNELS(MaxPool2dGradientKernels, max_pool2d_gradient_kernels)

}  // namespace cnnx
