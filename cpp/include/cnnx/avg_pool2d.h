// Average pooling over windows of an image, forward and backward.
//
//   output[n, i, j, c] = sum over (u, v) of
//       x[n, i * stride.height + u * dilation.height - top,
//            j * stride.width + v * dilation.width - left, c] / divisor
//
// Padding counts as 0. The divisor is the number of the window's pixels inside the padded image,
// which is the window size except for the last windows in ceil mode, or with count_include_pad =
// false the number of those inside the image. Rule::same always uses the latter. The gradient of a
// window is grad_output / divisor for each of its pixels. Where windows overlap, an input's
// gradients add up in row-major order of the windows.
//
// Memory: arrays are the caller's, 4-byte aligned, contiguous (batch, height, width, channels), and
// do not overlap. Threads: as cnnx::get_num_threads().
#pragma once

#include "cnnx/export.h"
#include "cnnx/pool2d.h"
#include "cnnx/shape.h"

namespace cnnx {

struct AvgPool2dGeometry : Pool2dGeometry {
  bool divide_by_real_pixels = false;
};

// Sizes and errors as for max_pool2d_geometry.
CNNX_API AvgPool2dGeometry avg_pool2d_geometry(const Shape& x, Pair kernel_size, Pair stride,
                                               const Padding& padding,
                                               bool count_include_pad = true, Pair dilation = 1,
                                               bool ceil_mode = false);

CNNX_API void avg_pool2d(const AvgPool2dGeometry& geometry, const float* x, float* output);

// Overwrites grad_input, or adds to it when `accumulate` is true.
CNNX_API void avg_pool2d_backward(const AvgPool2dGeometry& geometry, const float* grad_output,
                                  float* grad_input, bool accumulate = false);

}  // namespace cnnx
