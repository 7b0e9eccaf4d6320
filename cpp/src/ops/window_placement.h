// The placement of windows along one axis of an image, shared by convolution and pooling.
#pragma once

#include <cstdint>

#include "cnnx/shape.h"

namespace cnnx::ops {

struct WindowPlacement {
  int64_t output;         // windows along the axis; 0 when none fits
  int64_t before, after;  // pixels of padding
};

// `extent` is the extent of a window, dilation included; `before` and `after` are used for explicit
// sides only. Sizes are small enough for sums and products of two not to overflow.
WindowPlacement place_windows(int64_t size, int64_t extent, int64_t stride, Padding::Rule rule,
                              int64_t before, int64_t after);

}  // namespace cnnx::ops
