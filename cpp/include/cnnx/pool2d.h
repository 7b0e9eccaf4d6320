// The placement of pooling windows on an input, shared by max_pool2d, avg_pool2d and their
// gradients.
#pragma once

#include <cstdint>

#include "cnnx/export.h"
#include "cnnx/shape.h"

namespace cnnx {

// The result of max_pool2d_geometry or avg_pool2d_geometry. Window (i, j) begins at row i *
// stride.height - top and column j * stride.width - left of the input. It has kernel_size pixels,
// dilation rows and columns apart, of which at least one lies inside the image. In ceil mode the
// last windows may extend beyond the padding.
struct Pool2dGeometry {
  int64_t batch = 0, in_height = 0, in_width = 0, channels = 0;
  int64_t out_height = 0, out_width = 0;
  Pair kernel_size, stride, dilation = 1;
  int64_t top = 0, bottom = 0, left = 0, right = 0;

  Shape input_shape() const { return {batch, in_height, in_width, channels}; }
  Shape output_shape() const { return {batch, out_height, out_width, channels}; }
};

}  // namespace cnnx
