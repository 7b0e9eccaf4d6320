// Inner loops of PReLU, with one slope per channel.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

// Pixels are consecutive, `channels` floats each; `slope` has `channels` floats.
struct PreluKernels {
  // `output` may be x.
  void (*forward)(const float* x, const float* slope, int64_t pixels, int64_t channels,
                  float* output);
  void (*backward)(const float* grad_output, const float* x, const float* slope, int64_t pixels,
                   int64_t channels, bool accumulate, float* grad_input);
  // sum[c] = the sum over pixels of x * grad_output where x is negative.
  void (*sums)(const float* grad_output, const float* x, int64_t pixels, int64_t channels,
               float* sum);
};

CNNX_DECLARE_KERNELS(PreluKernels, prelu_kernels)

}  // namespace cnnx
