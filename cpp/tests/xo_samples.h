// X/O images of 16 x 16 pixels, for training and prediction in tests.
#pragma once

#include <cstdint>
#include <vector>

#include "cnnx/image.h"
#include "cnnx/trainer.h"
#include "cnnx/xo.h"

namespace cnnx::test {

template <int64_t kCount>
struct Samples {
  static constexpr int64_t kSize = 16;
  std::vector<uint8_t> pixels = std::vector<uint8_t>(kCount * kSize * kSize);
  std::vector<int64_t> labels = std::vector<int64_t>(kCount);

  Samples() { draw_xo(kCount, kSize, 1, pixels.data(), labels.data()); }
  ImageBatch first(int64_t count) const { return {pixels.data(), count}; }
  ImageBatch images() const { return first(kCount); }
  Targets targets() const { return {labels.data()}; }
  ImageView image(int64_t i) const { return {pixels.data() + i * kSize * kSize, kSize, kSize, 1}; }
};

}  // namespace cnnx::test
