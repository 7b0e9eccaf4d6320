// Epilogues of a convolution, applied to its sums before they are stored, so that the layers after
// it need no pass of their own.
#pragma once

#include <stdint.h>

#include "kernels/argmax.h"
#include "kernels/relu.h"

namespace cnnx {

// Applied in this order, pixel by pixel: the same bits as the separate layers.
struct ForwardEpilogue {
  const float* bias;  // or null
  bool relu;          // x < 0 ? 0 : x
  bool pool;          // maxima of 2x2 windows side by side; `output` is the pooled map
  // With `pool`, or null: for every pooled output the index of its pixel in the window, 0 to 3 in
  // row-major order, or with `relu` kNoArgmax where the output is not > 0. Pixels are
  // argmax_step(channels) bytes apart.
  uint8_t* argmax;
  // Or null: an array of the shape of `output`, which it may be, added after the bias. Not with
  // `pool`.
  const float* addend = nullptr;
  // With `relu`, its ceiling. Not with `pool`.
  float ceiling = kNoCeiling;
};

struct GradientEpilogue {
  bool accumulate;  // adds to grad_input
  // Or null: an array of the shape of grad_input; the gradient becomes zero unless this is > 0.
  const float* relu_output;
};

constexpr uint8_t kNoArgmax = 4;

}  // namespace cnnx
