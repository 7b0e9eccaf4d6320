// Inner loops of the mean over whole pictures.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

struct GlobalAvgPool2dKernels {
  // output[c] = the sum over pixels of x, one chain in their order, over their number.
  void (*forward)(const float* x, int64_t pixels, int64_t channels, float* output);
  // grad_input = grad_output over the number of pixels, for every one.
  void (*backward)(const float* grad_output, int64_t pixels, int64_t channels, bool accumulate,
                   float* grad_input);
};

CNNX_DECLARE_KERNELS(GlobalAvgPool2dKernels, global_avg_pool2d_kernels)

}  // namespace cnnx
