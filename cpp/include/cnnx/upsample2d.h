// Resampling of images to another size, forward and backward, with PyTorch's formulas.
//
//   nearest:  output[n, i, j, c] = x[n, floor(i * in_height / out_height), floor(j * in_width /
//             out_width), c]
//   bilinear: output pixel i lies at s = max(0, (i + 1/2) * in / out - 1/2) of the input and is
//             interpolated linearly between rows floor(s) and floor(s) + 1, likewise for columns;
//             beyond the last row or column the last value repeats. With align_corners
//             s = i * (in - 1) / (out - 1), or 0 for a single output, so that the first and the
//             last pixels of both lie on each other
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
  int64_t out_height = 0, out_width = 0;
  UpsampleMode mode = UpsampleMode::nearest;
  bool align_corners = false;

  Shape input_shape() const { return {batch, in_height, in_width, channels}; }
  Shape output_shape() const { return {batch, out_height, out_width, channels}; }
};

// `x` is a shape; the factors are at least 1; only bilinear mode may align corners. Throws
// std::invalid_argument with one sentence that begins with "upsample2d: ".
CNNX_API Upsample2dGeometry upsample2d_geometry(const Shape& x, Pair scale_factor,
                                                UpsampleMode mode, bool align_corners = false);
// The same for an output of `size`, which may be smaller than the input.
CNNX_API Upsample2dGeometry upsample2d_geometry_of_size(const Shape& x, Pair size,
                                                        UpsampleMode mode,
                                                        bool align_corners = false);

CNNX_API void upsample2d(const Upsample2dGeometry& geometry, const float* x, float* output);

// Overwrites grad_input, or adds to it when `accumulate` is true.
CNNX_API void upsample2d_backward(const Upsample2dGeometry& geometry, const float* grad_output,
                                  float* grad_input, bool accumulate = false);

}  // namespace cnnx
