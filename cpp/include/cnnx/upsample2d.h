// Enlarging images by an integer factor, forward and backward, as PyTorch with align_corners=False.
//
//   nearest:  output[n, i, j, c] = x[n, i / scale.height, j / scale.width, c]
//   bilinear: output pixel i lies at s = max(0, (i + 1/2) / scale - 1/2) of the input and is
//             interpolated linearly between rows floor(s) and floor(s) + 1, likewise for columns;
//             beyond the last row or column the last value repeats
//
// An input's gradient is the sum over the outputs that read it, in row-major order.
//
// Memory: arrays are the caller's, 4-byte aligned, contiguous (batch, height, width, channels), and
// do not overlap. Threads: as cnnx::get_num_threads().
#pragma once

#include <cstdint>

#include "cnnx/export.h"
#include "cnnx/shape.h"

namespace cnnx {

enum class UpsampleMode { nearest, bilinear };

struct Upsample2dGeometry {
  int64_t batch = 0, in_height = 0, in_width = 0, channels = 0;
  Pair scale;
  UpsampleMode mode = UpsampleMode::nearest;

  Shape input_shape() const { return {batch, in_height, in_width, channels}; }
  Shape output_shape() const {
    return {batch, in_height * scale.height, in_width * scale.width, channels};
  }
};

// `x` is a shape; the factors are at least 1. Throws std::invalid_argument with one sentence that
// begins with "upsample2d: ".
CNNX_API Upsample2dGeometry upsample2d_geometry(const Shape& x, Pair scale_factor,
                                                UpsampleMode mode);

CNNX_API void upsample2d(const Upsample2dGeometry& geometry, const float* x, float* output);

// Overwrites grad_input, or adds to it when `accumulate` is true.
CNNX_API void upsample2d_backward(const Upsample2dGeometry& geometry, const float* grad_output,
                                  float* grad_input, bool accumulate = false);

}  // namespace cnnx
