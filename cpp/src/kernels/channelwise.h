// Inner loops of functions of one element and of parameters of its channel.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

// Pixels are consecutive, `channels` floats each; every parameter has `channels` floats.
struct ChannelwiseKernels {
  // `output` may be x.
  void (*forward)(const float* x, const float* const* parameters, int64_t pixels, int64_t channels,
                  float* output);
  void (*backward)(const float* grad_output, const float* x, const float* const* parameters,
                   int64_t pixels, int64_t channels, bool accumulate, float* grad_input);
  // sums[i][c] = the gradient of parameter i of channel c, a sum over the pixels.
  void (*sums)(const float* grad_output, const float* x, int64_t pixels, int64_t channels,
               float* const* sums);
  int parameters;
};

constexpr int kMostChannelwiseParameters = 2;

}  // namespace cnnx
