// Inner loops of adaptive average pooling on one image.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

struct AdaptivePool {
  int64_t in_height, in_width, channels;
  int64_t out_height, out_width;
};

struct AdaptiveAvgPool2dKernels {
  // Output rows [row_begin, row_end) of the image x.
  void (*forward)(const AdaptivePool& pool, const float* x, int64_t row_begin, int64_t row_end,
                  float* output);
};

struct AdaptiveAvgPool2dGradientKernels {
  // Input rows [row_begin, row_end) of the image's gradient.
  void (*backward)(const AdaptivePool& pool, const float* grad_output, int64_t row_begin,
                   int64_t row_end, bool accumulate, float* grad_input);
};

CNNX_DECLARE_KERNELS(AdaptiveAvgPool2dKernels, adaptive_avg_pool2d_kernels)
CNNX_DECLARE_KERNELS(AdaptiveAvgPool2dGradientKernels, adaptive_avg_pool2d_gradient_kernels)

}  // namespace cnnx
