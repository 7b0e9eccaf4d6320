// Inner loops of average pooling on one image.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"
#include "kernels/pool2d.h"

namespace cnnx {

// Arrays are of floats, or of bfloat16 as uint16_t.
struct AvgPool2dKernels {
  // Output rows [row_begin, row_end) of the image x. Divides by the number of the window's pixels
  // inside the image, or by its size.
  template <class Element>
  using Forward = void (*)(const PoolWindows& windows, bool divide_by_real_pixels, const Element* x,
                           int64_t row_begin, int64_t row_end, Element* output);
  Forward<float> forward;
  Forward<uint16_t> bfloat16_forward;
};

struct AvgPool2dGradientKernels {
  // Input rows [row_begin, row_end) of the image's gradient, in which windows are added up.
  template <class Element>
  using Backward = void (*)(const PoolWindows& windows, bool divide_by_real_pixels,
                            const Element* grad_output, int64_t row_begin, int64_t row_end,
                            bool accumulate, float* grad_input);
  Backward<float> backward;
  Backward<uint16_t> bfloat16_backward;
};

CNNX_DECLARE_KERNELS(AvgPool2dKernels, avg_pool2d_kernels)
CNNX_DECLARE_KERNELS(AvgPool2dGradientKernels, avg_pool2d_gradient_kernels)

}  // namespace cnnx
