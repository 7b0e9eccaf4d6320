// The first checks of ops on images or on channels.
#pragma once

#include <cstdint>

#include "cnnx/shape.h"

namespace cnnx::ops {

// Far above any real setting, far below an overflow of sums and products of two.
constexpr int64_t kMostSetting = int64_t{1} << 24;

// Refuses shapes other than (batch, height, width, channels) with at least one row, column and
// channel: std::invalid_argument with a sentence that begins with `function`.
void check_image_shape(const char* function, const Shape& x);

// Refuses shapes without a batch axis and a last axis of channels, in the same way.
void check_channels(const char* function, const Shape& x);

// The number of pixels, or of images without pixels, of which each has channels.
int64_t rows_of_channels(const Shape& x);

// Refuses the shape of an output that is too large.
Shape checked_output(const char* function, const Shape& output);

}  // namespace cnnx::ops
