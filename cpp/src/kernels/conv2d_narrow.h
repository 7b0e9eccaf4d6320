// Inner loops of the input gradient of a convolution with few input channels: a pixel of
// grad_output computes all contributions of a row of taps to the pixels under it, which are
// adjacent.
#pragma once

#include <stdint.h>

#include "kernels/conv2d.h"
#include "kernels/declare.h"

namespace cnnx {

// Column p of grad_output adds to columns [p - left, p - left + taps_wide) of grad_input.
struct NarrowGradient {
  WindowAxis vertical;                            // of grad_input's rows, over grad_output
  int64_t source_height, source_width, channels;  // of grad_output
  int64_t taps_wide, left;
  int64_t target_width, target_channels;
};

// Rows [first, last) of one image.
struct NarrowGradientBand {
  const float* source;
  const float* panel;  // [vertical.taps * channels][taps_wide * target_channels], see tile.h
  bool accumulate;
  int64_t first, last;
  float* scratch;  // narrow_scratch_floats
  float* target;
};

// Floats of the contributions of one pixel, in whole vectors of the widest instruction set.
constexpr int64_t narrow_step(const NarrowGradient& gradient) {
  return (gradient.taps_wide * gradient.target_channels + 15) / 16 * 16;
}

// Of one line, and the floats that a vector may read past it.
constexpr int64_t narrow_scratch_floats(const NarrowGradient& gradient) {
  return gradient.source_width * narrow_step(gradient) + 16;
}

struct NarrowGradientKernels {
  void (*add)(const NarrowGradient& gradient, const NarrowGradientBand& band);
};

CNNX_DECLARE_KERNELS(NarrowGradientKernels, narrow_gradient_kernels)

}  // namespace cnnx
