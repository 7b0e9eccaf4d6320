// Inner loops of max pooling on one image.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"
#include "kernels/pool2d.h"

namespace cnnx {

// Arrays are of floats, or of bfloat16 as uint16_t.
struct MaxPool2dKernels {
  // Output rows [row_begin, row_end) of the image x.
  template <class Element>
  using Forward = void (*)(const PoolWindows& windows, const Element* x, int64_t row_begin,
                           int64_t row_end, Element* output);
  Forward<float> forward;
  Forward<uint16_t> bfloat16_forward;
};

struct MaxPool2dGradientKernels {
  // Input rows [row_begin, row_end) of the image's gradient, in which windows are added up.
  template <class Element>
  using Backward = void (*)(const PoolWindows& windows, const Element* grad_output,
                            const Element* x, int64_t row_begin, int64_t row_end, bool accumulate,
                            float* grad_input);
  Backward<float> backward;
  Backward<uint16_t> bfloat16_backward;
};

CNNX_DECLARE_KERNELS(MaxPool2dKernels, max_pool2d_kernels)
CNNX_DECLARE_KERNELS(MaxPool2dGradientKernels, max_pool2d_gradient_kernels)

}  // namespace cnnx
