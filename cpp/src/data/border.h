// The pixel that stands for a place beyond the edges of an image.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cnnx/augmentation.h"

namespace cnnx::data {

// The index inside [0, count) for `place`, or -1 for none.
inline int64_t inside(int64_t place, int64_t count, Augmentation::Border border) {
  if (place >= 0 && place < count) return place;
  if (border == Augmentation::Border::zero) return -1;
  if (count == 1) return 0;
  const int64_t period = 2 * (count - 1);
  const int64_t folded = ((place % period) + period) % period;
  return std::min(folded, period - folded);
}

inline int32_t floor_of(float value) {
  const int32_t whole = static_cast<int32_t>(value);  // towards zero
  return whole - (value < static_cast<float>(whole) ? 1 : 0);
}

}  // namespace cnnx::data
