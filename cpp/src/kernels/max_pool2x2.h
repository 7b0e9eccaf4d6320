// Inner loops of the 2x2 max-pooling that ends a fused convolution, with ReLU before it: keeps
// which pixel won instead of the map that was pooled.
#pragma once

#include <stdint.h>

#include "kernels/conv2d_epilogue.h"
#include "kernels/declare.h"

namespace cnnx {

// Rows of an image, (2 * pairs, width, channels) without gaps, and their pooled map, (pairs, width
// / 2, channels). An odd width's last column belongs to no window.
struct PooledRows {
  int64_t pairs, width, channels;
};

struct MaxPool2x2Kernels {
  // As ForwardEpilogue says; `argmax` may be null.
  void (*forward)(const PooledRows& shape, const float* rows, bool relu, float* output,
                  uint8_t* argmax);
  // Overwrites rows: a argmax_index receives its window's gradient, every other pixel 0.
  void (*backward)(const PooledRows& shape, const float* grad_output, const uint8_t* argmax,
                   float* rows);
};

CNNX_DECLARE_KERNELS(MaxPool2x2Kernels, max_pool2x2_kernels)

}  // namespace cnnx
