// Where windows lie along one axis of an image: one rule for convolution and pooling.
#pragma once

#include <cstdint>

#include "cnnx/shape.h"

namespace cnnx::ops {

struct WindowPlacement {
  int64_t output;         // windows along the axis; 0 when none fits
  int64_t before, after;  // pixels of padding
};

// `extent` is what a window covers, dilation included; `before` and `after` count for explicit
// sides alone. Sizes are small enough for their sums and products not to overflow.
WindowPlacement place_windows(int64_t size, int64_t extent, int64_t stride, Padding::Rule rule,
                              int64_t before, int64_t after);

}  // namespace cnnx::ops
