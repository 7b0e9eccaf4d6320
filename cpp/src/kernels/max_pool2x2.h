// Inner loops of the 2x2 max pooling at the end of a fused convolution, with ReLU before it: they
// save the argmax of each window instead of the map before pooling.
#pragma once

#include <stdint.h>

#include "kernels/conv2d_epilogue.h"
#include "kernels/declare.h"

namespace cnnx {

// Rows of an image, (2 * pairs, width, channels) without gaps, and their pooled map, (pairs, width
// / 2, channels). The last column of an odd width belongs to no window.
struct PooledRows {
  int64_t pairs, width, channels;
};

struct MaxPool2x2Kernels {
  // As in ForwardEpilogue; `argmax` may be null.
  void (*forward)(const PooledRows& shape, const float* rows, bool relu, float* output,
                  uint8_t* argmax);
  // Overwrites rows: the argmax pixel receives its window's gradient, every other pixel 0.
  void (*backward)(const PooledRows& shape, const float* grad_output, const uint8_t* argmax,
                   float* rows);
};

CNNX_DECLARE_KERNELS(MaxPool2x2Kernels, max_pool2x2_kernels)

}  // namespace cnnx
