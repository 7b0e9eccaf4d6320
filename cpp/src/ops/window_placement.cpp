// Counts windows and converts the rules "same" and "valid" to pixels.
#include "ops/window_placement.h"

#include <algorithm>

namespace cnnx::ops {

WindowPlacement place_windows(int64_t size, int64_t extent, int64_t stride, Padding::Rule rule,
                              int64_t before, int64_t after) {
  switch (rule) {
    case Padding::Rule::same: {
      const int64_t output = (size - 1) / stride + 1;
      const int64_t total = std::max<int64_t>((output - 1) * stride + extent - size, 0);
      return {output, total / 2, total - total / 2};
    }
    case Padding::Rule::valid:
      before = after = 0;
      break;
    case Padding::Rule::explicit_sides:
      break;
  }
  const int64_t room = size + before + after - extent;
  return {room < 0 ? 0 : room / stride + 1, before, after};
}

}  // namespace cnnx::ops
