// Which part of a resized image its source fills, and from which part of the source.
#pragma once

#include <cstdint>

#include "cnnx/preprocessing.h"

namespace cnnx::data {

// A range of one axis of the source, in fractional pixels, and the target pixels it fills.
struct Span {
  double from, length;
  int64_t first, count;
};

struct Placement {
  Span rows, columns;
};

// The largest side of an image that is resized, and of the resized image.
constexpr int64_t kMostSide = int64_t{1} << 20;

Placement place(int64_t from_height, int64_t from_width, int64_t height, int64_t width,
                Resize resize);

// Source pixels per target pixel.
inline double scale_of(const Span& span) { return span.length / static_cast<double>(span.count); }

// The centre of target pixel i in the source, whose first pixel is [0, 1).
inline double center_of(const Span& span, int64_t i) {
  return span.from + (static_cast<double>(i) + 0.5) * scale_of(span);
}

}  // namespace cnnx::data
