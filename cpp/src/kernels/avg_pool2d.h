// Inner loops of average pooling on one image.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"
#include "kernels/pool2d.h"

namespace cnnx {

struct AvgPool2dKernels {
  // Output rows [row_begin, row_end) of the image x. Divides by the number of the window's pixels
  // inside the image, or by its size.
  void (*forward)(const PoolWindows& windows, bool divide_by_real_pixels, const float* x,
                  int64_t row_begin, int64_t row_end, float* output);
};

struct AvgPool2dGradientKernels {
  // Input rows [row_begin, row_end) of the image's gradient.
  void (*backward)(const PoolWindows& windows, bool divide_by_real_pixels, const float* grad_output,
                   int64_t row_begin, int64_t row_end, bool accumulate, float* grad_input);
};

CNNX_DECLARE_KERNELS(AvgPool2dKernels, avg_pool2d_kernels)
CNNX_DECLARE_KERNELS(AvgPool2dGradientKernels, avg_pool2d_gradient_kernels)

}  // namespace cnnx
