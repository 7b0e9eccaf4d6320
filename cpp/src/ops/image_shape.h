// The first check of every op on images.
#pragma once

#include <cstdint>

#include "cnnx/shape.h"

namespace cnnx::ops {

// Far above any real setting, far below an overflow of sums and products of two.
constexpr int64_t kMostSetting = int64_t{1} << 24;

// Refuses shapes other than (batch, height, width, channels) with at least one row, column and
// channel: std::invalid_argument with a sentence that begins with `function`.
void check_image_shape(const char* function, const Shape& x);

// The same for the output of an op, which may be too large.
Shape checked_output(const char* function, const Shape& output);

}  // namespace cnnx::ops
