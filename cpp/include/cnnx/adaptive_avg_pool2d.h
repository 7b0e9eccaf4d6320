// Average pooling to a given output size, forward and backward.
//
//   output[n, i, j, c] = mean of x[n, p, q, c] over the rows
//   p in [floor(i * in_height / out_height), ceil((i + 1) * in_height / out_height))
//   and the columns q likewise
//
// The windows are those of PyTorch and may overlap. One window is global average pooling (Lin et
// al.: Network in Network, 2013). The sum of a window is the sum of its row sums, each in order.
// The gradient of an input is the sum of grad_output / pixels of the window over the windows that
// contain it, in row-major order.
//
// Memory: arrays are the caller's, 4-byte aligned, contiguous (batch, height, width, channels), and
// do not overlap. Threads: as cnnx::get_num_threads().
#pragma once

#include <cstdint>

#include "cnnx/export.h"
#include "cnnx/shape.h"

namespace cnnx {

struct AdaptiveAvgPool2dGeometry {
  int64_t batch = 0, in_height = 0, in_width = 0, channels = 0;
  int64_t out_height = 0, out_width = 0;

  Shape input_shape() const { return {batch, in_height, in_width, channels}; }
  Shape output_shape() const { return {batch, out_height, out_width, channels}; }
};

// `x` is a shape. Throws std::invalid_argument with one sentence that begins with
// "adaptive_avg_pool2d: ".
CNNX_API AdaptiveAvgPool2dGeometry adaptive_avg_pool2d_geometry(const Shape& x, Pair output_size);

CNNX_API void adaptive_avg_pool2d(const AdaptiveAvgPool2dGeometry& geometry, const float* x,
                                  float* output);

// Overwrites grad_input, or adds to it when `accumulate` is true.
CNNX_API void adaptive_avg_pool2d_backward(const AdaptiveAvgPool2dGeometry& geometry,
                                           const float* grad_output, float* grad_input,
                                           bool accumulate = false);

}  // namespace cnnx
