// Inner loops of enlarging one image.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

struct Upsampling {
  int64_t in_height, in_width, channels;
  int64_t scale_height, scale_width;
};

struct Upsample2dKernels {
  // Output rows [row_begin, row_end) of the image x.
  using Forward = void (*)(const Upsampling& upsampling, const float* x, int64_t row_begin,
                           int64_t row_end, float* output);
  // Input rows [row_begin, row_end) of the image's gradient.
  using Backward = void (*)(const Upsampling& upsampling, const float* grad_output,
                            int64_t row_begin, int64_t row_end, bool accumulate, float* grad_input);
  Forward nearest, bilinear;
  Backward nearest_backward, bilinear_backward;
};

CNNX_DECLARE_KERNELS(Upsample2dKernels, upsample2d_kernels)

}  // namespace cnnx
