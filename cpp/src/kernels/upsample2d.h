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

// Arrays are of floats, or of bfloat16 as uint16_t.
struct Upsample2dKernels {
  // Output rows [row_begin, row_end) of the image x.
  template <class Element>
  using Forward = void (*)(const Upsampling& upsampling, const Element* x, int64_t row_begin,
                           int64_t row_end, Element* output);
  Forward<float> nearest, bilinear;
  Forward<uint16_t> bfloat16_nearest, bfloat16_bilinear;
};

struct Upsample2dGradientKernels {
  // Input rows [row_begin, row_end) of the image's gradient.
  template <class Element>
  using Backward = void (*)(const Upsampling& upsampling, const Element* grad_output,
                            int64_t row_begin, int64_t row_end, bool accumulate,
                            Element* grad_input);
  Backward<float> nearest, bilinear;
  Backward<uint16_t> bfloat16_nearest, bfloat16_bilinear;
};

CNNX_DECLARE_KERNELS(Upsample2dKernels, upsample2d_kernels)
CNNX_DECLARE_KERNELS(Upsample2dGradientKernels, upsample2d_gradient_kernels)

}  // namespace cnnx
