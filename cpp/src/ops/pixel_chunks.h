// How per-channel sums over pixels are cut into chunks, which threads share and whose results are
// added up at the end.
#pragma once

#include <algorithm>
#include <cstdint>

#include "ops/shares.h"
#include "runtime/parallel.h"

namespace cnnx::ops {

// A chunk is summed up while it is in a first-level cache. Where chunks begin depends on pixels and
// channels alone.
class PixelChunks {
 public:
  PixelChunks(int64_t pixels, int64_t channels)
      : pixels_(pixels),
        channels_(channels),
        chunk_pixels_(std::max(kLeastPixels, kFloats / std::max<int64_t>(1, channels))) {}

  int64_t count() const { return divide_up(pixels_, chunk_pixels_); }
  int64_t pixels_of(int64_t chunk) const {
    return std::min(chunk_pixels_, pixels_ - chunk * chunk_pixels_);
  }
  // body(first pixel, pixels, chunk) for all chunks.
  template <class Body>
  void for_each(int threads, const Body& body) const {
    const int64_t grain = kGrainFloats / (chunk_pixels_ * channels_ + 1) + 1;
    runtime::parallel_for(threads, count(), grain, [&](int64_t begin, int64_t end, int) {
      for (int64_t chunk = begin; chunk < end; ++chunk)
        body(chunk * chunk_pixels_, pixels_of(chunk), chunk);
    });
  }

 private:
  static constexpr int64_t kFloats = 4 * 1024;
  static constexpr int64_t kLeastPixels = 16;
  // Memory-bound: below this a second thread costs more than it brings.
  static constexpr int64_t kGrainFloats = 32 * 1024;

  int64_t pixels_, channels_, chunk_pixels_;
};

}  // namespace cnnx::ops
