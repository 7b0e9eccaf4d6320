// The chunks of a weight gradient's long sums. Threads share them, and their results are added at
// the end.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cnnx/conv2d.h"

namespace cnnx::ops {

// Chains begin where chunks do, so their number depends on shapes alone: enough for eight threads,
// with at least `least_pixels` each (a chunk's sums are written and added up once per chunk), and
// with all sums of several chunks together at most `most_floats`.
class GradientChunks {
 public:
  GradientChunks(const Conv2dGeometry& g, int64_t sums_floats, int64_t least_pixels,
                 int64_t most_floats = 16 * 1024 * 1024)
      : batch_(g.batch), rows_(g.out_height) {
    constexpr int64_t kMostChunks = 8;
    const int64_t most = std::min(most_floats / sums_floats, kMostChunks);
    const int64_t wanted =
        std::min(g.batch * g.out_height * g.out_width / least_pixels, g.batch * g.out_height);
    count_ = std::max<int64_t>(std::min(wanted, most), 1);
  }

  int64_t count() const { return count_; }
  // The first output row of a chunk, counted through the batch. Chunks begin with an image if there
  // are enough images.
  int64_t first_row(int64_t chunk) const {
    return batch_ >= count_ ? batch_ * chunk / count_ * rows_ : batch_ * rows_ * chunk / count_;
  }

 private:
  int64_t batch_, rows_, count_;
};

}  // namespace cnnx::ops
