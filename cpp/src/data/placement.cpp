// Places a resized image: stretched, fitted with borders, or cropped.
#include "data/placement.h"

#include <algorithm>

namespace cnnx::data {

Placement place(int64_t from_height, int64_t from_width, int64_t height, int64_t width,
                Resize resize) {
  Placement placement{{0, static_cast<double>(from_height), 0, height},
                      {0, static_cast<double>(from_width), 0, width}};
  // The axis with the smaller scale, compared without rounding: height / from_height <= width /
  // from_width.
  const bool rows_scale_less = height * from_width <= width * from_height;
  if (resize == Resize::fit) {
    const auto shrink = [](Span& span, int64_t from, int64_t numerator, int64_t denominator) {
      const int64_t target = span.count;
      span.count =
          std::clamp<int64_t>((2 * from * numerator + denominator) / (2 * denominator), 1, target);
      span.first = (target - span.count) / 2;
    };
    if (rows_scale_less) {
      shrink(placement.columns, from_width, height, from_height);
    } else {
      shrink(placement.rows, from_height, width, from_width);
    }
  } else if (resize == Resize::crop) {
    const auto narrow = [](Span& span, int64_t from, int64_t numerator, int64_t denominator) {
      span.length = static_cast<double>(span.count * numerator) / static_cast<double>(denominator);
      span.from = (static_cast<double>(from) - span.length) / 2;
    };
    if (rows_scale_less) {
      narrow(placement.rows, from_height, from_width, width);
    } else {
      narrow(placement.columns, from_width, from_height, height);
    }
  }
  return placement;
}

}  // namespace cnnx::data
