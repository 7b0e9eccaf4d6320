// Inner loops of max pooling on one image.
#pragma once

#include <stdint.h>

#include "kernels/argmax.h"
#include "kernels/declare.h"
#include "kernels/pool2d.h"

namespace cnnx {

constexpr int64_t kMostArgmaxPixels = 256;  // of a window, whose places a byte can count

// Arrays are of floats, or of bfloat16 as uint16_t.
struct MaxPool2dKernels {
  // Output rows [row_begin, row_end) of the image x. `argmax`, unless it is null, receives the
  // place of every window's maximum among the pixels of the window that are inside the image,
  // counted in row-major order. Pixels are argmax_step(channels) bytes apart.
  template <class Element>
  using Forward = void (*)(const PoolWindows& windows, const Element* x, int64_t row_begin,
                           int64_t row_end, Element* output, uint8_t* argmax);
  Forward<float> forward;
  Forward<uint16_t> bfloat16_forward;
};

struct MaxPool2dGradientKernels {
  // Input rows [row_begin, row_end) of the image's gradient, in which windows are added up. Where
  // the maxima are comes from forward's `argmax`, or from the image x if that is null.
  template <class Element>
  using Backward = void (*)(const PoolWindows& windows, const Element* grad_output,
                            const Element* x, const uint8_t* argmax, int64_t row_begin,
                            int64_t row_end, bool accumulate, float* grad_input);
  Backward<float> backward;
  Backward<uint16_t> bfloat16_backward;
};

CNNX_DECLARE_KERNELS(MaxPool2dKernels, max_pool2d_kernels)
CNNX_DECLARE_KERNELS(MaxPool2dGradientKernels, max_pool2d_gradient_kernels)

}  // namespace cnnx
