// Inner loops of adaptive average pooling on one image.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

struct AdaptivePool {
  int64_t in_height, in_width, channels;
  int64_t out_height, out_width;
};

// Arrays are of floats, or of bfloat16 as uint16_t.
struct AdaptiveAvgPool2dKernels {
  // Output rows [row_begin, row_end) of the image x.
  template <class Element>
  using Forward = void (*)(const AdaptivePool& pool, const Element* x, int64_t row_begin,
                           int64_t row_end, Element* output);
  Forward<float> forward;
  Forward<uint16_t> bfloat16_forward;
};

struct AdaptiveAvgPool2dGradientKernels {
  // Input rows [row_begin, row_end) of the image's gradient.
  template <class Element>
  using Backward = void (*)(const AdaptivePool& pool, const Element* grad_output, int64_t row_begin,
                            int64_t row_end, bool accumulate, Element* grad_input);
  Backward<float> backward;
  Backward<uint16_t> bfloat16_backward;
};

CNNX_DECLARE_KERNELS(AdaptiveAvgPool2dKernels, adaptive_avg_pool2d_kernels)
CNNX_DECLARE_KERNELS(AdaptiveAvgPool2dGradientKernels, adaptive_avg_pool2d_gradient_kernels)

}  // namespace cnnx
