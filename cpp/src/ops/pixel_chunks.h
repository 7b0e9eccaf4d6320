// The division of per-channel sums over pixels into chunks, which threads process and whose results
// are added up at the end.
#pragma once

#include <algorithm>
#include <cstdint>

#include "ops/shares.h"
#include "runtime/parallel.h"

namespace cnnx::ops {

// A chunk fits into a first-level cache. Chunks depend on the numbers of pixels and channels alone.
class PixelChunks {
 public:
  PixelChunks(int64_t pixels, int64_t channels, int64_t least_pixels = 16)
      : pixels_(pixels),
        channels_(channels),
        chunk_pixels_(std::max(least_pixels, kFloats / std::max<int64_t>(1, channels))) {}

  int64_t count() const { return divide_up(pixels_, chunk_pixels_); }
  int64_t pixels_of(int64_t chunk) const {
    return std::min(chunk_pixels_, pixels_ - chunk * chunk_pixels_);
  }
  // Calls body(first pixel, pixels, chunk) for all chunks.
  template <class Body>
  void for_each(int threads, const Body& body) const {
    const int64_t grain = runtime::kGrainElements / (chunk_pixels_ * channels_ + 1) + 1;
    runtime::parallel_for(threads, count(), grain, [&](int64_t begin, int64_t end, int) {
      for (int64_t chunk = begin; chunk < end; ++chunk)
        body(chunk * chunk_pixels_, pixels_of(chunk), chunk);
    });
  }
  // Calls body(image, threads, scratch) for images of these pixels, with `floats` of scratch: each
  // thread processes whole images, or all threads share each image if there are too few.
  template <class Body>
  void for_images(int64_t images, int threads, float* scratch, int64_t floats,
                  const Body& body) const {
    if (images < threads) {
      for (int64_t image = 0; image < images; ++image) body(image, threads, scratch);
      return;
    }
    const int64_t grain = runtime::kGrainElements / (pixels_ * channels_ + 1) + 1;
    runtime::parallel_for(threads, images, grain, [&](int64_t begin, int64_t end, int slot) {
      for (int64_t image = begin; image < end; ++image) body(image, 1, scratch + slot * floats);
    });
  }

 private:
  static constexpr int64_t kFloats = 4 * 1024;

  int64_t pixels_, channels_, chunk_pixels_;
};

// target[channel] (+)= the sums of all chunks, `step` floats apart, in order and in double
// precision.
inline void add_up_chunks(const float* sums, int64_t chunks, int64_t step, int64_t channels,
                          bool accumulate, float* target) {
  constexpr int64_t kBlock = 16;  // a cache line of every chunk
  for (int64_t begin = 0; begin < channels; begin += kBlock) {
    const int64_t count = std::min(kBlock, channels - begin);
    double total[kBlock] = {};
    for (int64_t c = 0; accumulate && c < count; ++c) total[c] = target[begin + c];
    for (int64_t i = 0; i < chunks; ++i) {
      for (int64_t c = 0; c < count; ++c) total[c] += sums[i * step + begin + c];
    }
    for (int64_t c = 0; c < count; ++c) target[begin + c] = static_cast<float>(total[c]);
  }
}

}  // namespace cnnx::ops
