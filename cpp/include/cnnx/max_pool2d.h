// Max pooling over windows of an image, forward and backward.
//
//   output[n, i, j, c] = max over (u, v) of
//       x[n, i * stride.height + u - top, j * stride.width + v - left, c]
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

// `x` is the input's shape. The output size is floor((in + padding - kernel) / stride) + 1, with
// Rule::same ceil(in / stride). Throws std::invalid_argument unless x has four axes with at least
// one row, column and channel, kernel_size and stride are >= 1, each side of the padding is smaller
// than the window, and the window fits into the padded image.
CNNX_API Pool2dGeometry max_pool2d_geometry(const Shape& x, Pair kernel_size, Pair stride,
                                            const Padding& padding);

CNNX_API void max_pool2d(const Pool2dGeometry& geometry, const float* x, float* output);

// Overwrites grad_input, or adds to it when `accumulate` is true. Finds the maxima again from the
// input.
CNNX_API void max_pool2d_backward(const Pool2dGeometry& geometry, const float* grad_output,
                                  const float* x, float* grad_input, bool accumulate = false);

}  // namespace cnnx
