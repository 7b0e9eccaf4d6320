// Max pooling over windows of an image, forward and backward.
//
//   output[n, i, j, c] = max over (u, v) of
//       x[n, i * stride.height + u * dilation.height - top,
//            j * stride.width + v * dilation.width - left, c]
//
// over the pixels inside the image: padding is -infinity. A NaN in a window is its maximum. The
// whole gradient goes to the first maximum of a window in row-major order, which for NaN is the
// first NaN. Where windows overlap, an input's gradients add up in row-major order of the windows.
//
// Memory: arrays are the caller's, 4-byte aligned, contiguous (batch, height, width, channels), and
// do not overlap. Threads: as cnnx::get_num_threads().
#pragma once

#include "cnnx/export.h"
#include "cnnx/pool2d.h"
#include "cnnx/shape.h"

namespace cnnx {

// `x` is the input's shape. The output size is floor((in + padding - extent) / stride) + 1, where
// extent = (kernel - 1) * dilation + 1. With `ceil_mode` the quotient is rounded up if the last
// window then begins inside the image or the padding before it. With Rule::same the size is
// ceil(in / stride) in either mode. Throws std::invalid_argument unless x has four axes with at
// least one row, column and channel, kernel_size, stride and dilation are >= 1, each side of the
// padding is smaller than the window's extent, every window reads a pixel of the image, and there
// is at least one window.
CNNX_API Pool2dGeometry max_pool2d_geometry(const Shape& x, Pair kernel_size, Pair stride,
                                            const Padding& padding, Pair dilation = 1,
                                            bool ceil_mode = false);

CNNX_API void max_pool2d(const Pool2dGeometry& geometry, const float* x, float* output);

// Overwrites grad_input, or adds to it when `accumulate` is true. Finds the maxima again from the
// input.
CNNX_API void max_pool2d_backward(const Pool2dGeometry& geometry, const float* grad_output,
                                  const float* x, float* grad_input, bool accumulate = false);

}  // namespace cnnx
