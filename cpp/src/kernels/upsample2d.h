// Inner loops of resampling one image.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

// Along one axis output i lies at (i * step + offset) / unit of the input, a whole number for the
// centre of a pixel. In nearest mode unit / step is the number of outputs per input, and the place
// is rounded down.
struct ResampledAxis {
  int64_t in_size, out_size;
  int64_t step, offset, unit;
};

struct Upsampling {
  ResampledAxis rows, columns;
  int64_t channels;
};

struct Upsample2dKernels {
  // Output rows [row_begin, row_end) of the image x.
  using Forward = void (*)(const Upsampling& upsampling, const float* x, int64_t row_begin,
                           int64_t row_end, float* output);
  Forward nearest, bilinear;
};

struct Upsample2dGradientKernels {
  // Input rows [row_begin, row_end) of the image's gradient.
  using Backward = void (*)(const Upsampling& upsampling, const float* grad_output,
                            int64_t row_begin, int64_t row_end, bool accumulate, float* grad_input);
  Backward nearest, bilinear;
};

CNNX_DECLARE_KERNELS(Upsample2dKernels, upsample2d_kernels)
CNNX_DECLARE_KERNELS(Upsample2dGradientKernels, upsample2d_gradient_kernels)

}  // namespace cnnx
