// Zero padding of images, forward and backward.
//
// Memory: arrays are the caller's, 4-byte aligned, contiguous (batch, height, width, channels), and
// do not overlap. Threads: as cnnx::get_num_threads().
#pragma once

#include <cstdint>

#include "cnnx/export.h"
#include "cnnx/shape.h"

namespace cnnx {

struct ZeroPad2dGeometry {
  int64_t batch = 0, in_height = 0, in_width = 0, channels = 0;
  int64_t top = 0, bottom = 0, left = 0, right = 0;

  Shape input_shape() const { return {batch, in_height, in_width, channels}; }
  Shape output_shape() const {
    return {batch, in_height + top + bottom, in_width + left + right, channels};
  }
};

// `x` is a shape; `padding` has explicit sides >= 0. Throws std::invalid_argument with one sentence
// that begins with "zero_pad2d: ".
CNNX_API ZeroPad2dGeometry zero_pad2d_geometry(const Shape& x, const Padding& padding);

CNNX_API void zero_pad2d(const ZeroPad2dGeometry& geometry, const float* x, float* output);

// Copies the part of grad_output that lies over the image. Overwrites grad_input, or adds to it
// when `accumulate` is true.
CNNX_API void zero_pad2d_backward(const ZeroPad2dGeometry& geometry, const float* grad_output,
                                  float* grad_input, bool accumulate = false);

}  // namespace cnnx
