// Inner loops of batch normalisation: a channel's statistics over some pixels, and the passes that
// use them.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

// One number per channel each: y = (x - mean) * scale + shift.
struct BatchNormLine {
  const float* mean;
  const float* scale;
  const float* shift;
};

// Pixels are consecutive, `channels` elements each: floats, or bfloat16 as uint16_t.
template <class Element>
struct BatchNormForwardOf {
  const Element* x;
  const Element* addend;  // added to the result, or null
  int64_t pixels, channels;
  BatchNormLine line;
  bool relu;
  float limit;  // of the ReLU's output; NaN: none
  Element* output;
};
using BatchNormForward = BatchNormForwardOf<float>;

template <class Element>
struct BatchNormBackwardOf {
  Element* grad_output;  // written where `output` is given
  const Element* x;
  const Element* output;  // or null: grad_output becomes zero unless this is > 0 and < limit
  int64_t pixels, channels;
  BatchNormLine line;
  bool relu;    // gradients are zero unless y is > 0 and < limit; y is computed again
  float limit;  // NaN: none
};
using BatchNormBackward = BatchNormBackwardOf<float>;

// grad_input = slope * grad_output + offset + bend * (x - mean), per channel.
template <class Element>
struct BatchNormGradientOf {
  const float* slope;
  const float* offset;
  const float* bend;
  bool accumulate;
  Element* grad_input;
};

template <class Element>
struct BatchNorm2dKernelsOf {
  // The mean of x and the sum of (x - mean)^2, in two sweeps to avoid cancellation.
  void (*moments)(const Element* x, int64_t pixels, int64_t channels, float* mean, float* squares);
  void (*forward)(const BatchNormForwardOf<Element>& pass);
};

template <class Element>
struct BatchNorm2dGradientKernelsOf {
  // The sums of grad_output and of grad_output * (x - mean).
  void (*sums)(const BatchNormBackwardOf<Element>& pass, float* sum, float* product_sum);
  void (*backward)(const BatchNormBackwardOf<Element>& pass,
                   const BatchNormGradientOf<Element>& gradient);
};

using BatchNorm2dKernels = BatchNorm2dKernelsOf<float>;
using BatchNorm2dBfloat16Kernels = BatchNorm2dKernelsOf<uint16_t>;
using BatchNorm2dGradientKernels = BatchNorm2dGradientKernelsOf<float>;
using BatchNorm2dBfloat16GradientKernels = BatchNorm2dGradientKernelsOf<uint16_t>;
CNNX_DECLARE_KERNELS(BatchNorm2dKernels, batch_norm2d_kernels)
CNNX_DECLARE_BFLOAT16_KERNELS(BatchNorm2dBfloat16Kernels, batch_norm2d_bfloat16_kernels)
CNNX_DECLARE_KERNELS(BatchNorm2dGradientKernels, batch_norm2d_gradient_kernels)
CNNX_DECLARE_BFLOAT16_KERNELS(BatchNorm2dBfloat16GradientKernels,
                              batch_norm2d_bfloat16_gradient_kernels)

}  // namespace cnnx
