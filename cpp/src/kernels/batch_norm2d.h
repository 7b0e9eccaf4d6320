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

// Pixels are consecutive, `channels` floats each.
struct BatchNormForward {
  const float* x;
  const float* addend;  // added to the result, or null
  int64_t pixels, channels;
  BatchNormLine line;
  bool relu;
  float limit;  // of the ReLU's output; NaN: none
  float* output;
};

struct BatchNormBackward {
  float* grad_output;  // written where `output` is given
  const float* x;
  const float* output;  // or null: grad_output becomes zero unless this is > 0 and < limit
  int64_t pixels, channels;
  BatchNormLine line;
  bool relu;    // gradients are zero unless y is > 0 and < limit; y is computed again
  float limit;  // NaN: none
};

// grad_input = slope * grad_output + offset + bend * (x - mean), per channel.
struct BatchNormGradient {
  const float* slope;
  const float* offset;
  const float* bend;
  bool accumulate;
  float* grad_input;
};

struct BatchNorm2dKernels {
  // The mean of x and the sum of (x - mean)^2, in two sweeps to avoid cancellation.
  void (*moments)(const float* x, int64_t pixels, int64_t channels, float* mean, float* squares);
  void (*forward)(const BatchNormForward& pass);
};

struct BatchNorm2dGradientKernels {
  // The sums of grad_output and of grad_output * (x - mean).
  void (*sums)(const BatchNormBackward& pass, float* sum, float* product_sum);
  void (*backward)(const BatchNormBackward& pass, const BatchNormGradient& gradient);
};

CNNX_DECLARE_KERNELS(BatchNorm2dKernels, batch_norm2d_kernels)
CNNX_DECLARE_KERNELS(BatchNorm2dGradientKernels, batch_norm2d_gradient_kernels)

}  // namespace cnnx
