// The first checks of ops on images or on channels, and the errors of all checks: each is
// std::invalid_argument with a sentence that begins with `function`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cnnx/layer_kinds.h"
#include "cnnx/shape.h"

namespace cnnx::ops {

// Far above any memory, far below an overflow of scratch sizes.
constexpr int64_t kMostElements = int64_t{1} << 48;

[[noreturn]] void refuse(const char* function, const std::string& reason);
[[noreturn]] void refuse_shape(const char* function, const char* argument, const Shape& came,
                               const std::string& expected);

std::string describe(Pair pair);

// Refuses a pair with a value outside 1 to kMostSetting.
void check_positive(const char* function, const char* name, Pair pair);

// Refuses shapes other than (batch, height, width, channels) with at least one row, column and
// channel.
void check_image_shape(const char* function, const Shape& x);

// Refuses shapes without a batch axis and a last axis of channels.
void check_channels(const char* function, const Shape& x);

// The number of pixels, or of images without pixels, of which each has channels.
int64_t rows_of_channels(const Shape& x);

// The shape of all inputs of an elementwise merge. Refuses inputs of several.
Shape shape_of_all(const char* function, const std::vector<Shape>& inputs);

// Refuses the shape of an output that is too large.
Shape checked_output(const char* function, const Shape& output);

}  // namespace cnnx::ops
