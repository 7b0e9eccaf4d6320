// The check that every op of images begins with.
#pragma once

#include <cstdint>

#include "cnnx/shape.h"

namespace cnnx::ops {

// Far above any real setting, far below where sums and products of two overflow.
constexpr int64_t kMostSetting = int64_t{1} << 24;

// Refuses what is not (batch, height, width, channels) with at least one row, column and channel:
// std::invalid_argument that begins with `function`.
void check_image_shape(const char* function, const Shape& x);

// The same for what an op would make of it, which may be too large.
Shape checked_output(const char* function, const Shape& output);

}  // namespace cnnx::ops
