// Inner loops of functions of one element and of parameters of its channel.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

// Pixels are consecutive, `channels` elements each: floats, or bfloat16 as uint16_t. Every
// parameter has `channels` floats.
template <class Element>
struct ChannelwiseLoops {
  // `output` may be x.
  void (*forward)(const Element* x, const float* const* parameters, int64_t pixels,
                  int64_t channels, Element* output);
  void (*backward)(const Element* grad_output, const Element* x, const float* const* parameters,
                   int64_t pixels, int64_t channels, bool accumulate, Element* grad_input);
  // sums[i][c] = the gradient of parameter i of channel c, a sum over the pixels.
  void (*sums)(const Element* grad_output, const Element* x, int64_t pixels, int64_t channels,
               float* const* sums);
  int parameters;
};
struct ChannelwiseKernels {
  ChannelwiseLoops<float> floats;
  ChannelwiseLoops<uint16_t> bfloat16;
};

constexpr int kMostChannelwiseParameters = 2;

}  // namespace cnnx
