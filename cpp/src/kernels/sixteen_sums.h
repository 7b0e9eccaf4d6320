// Sums over a row in sixteen partial sums and a fixed tree: one order for every vector width.
#pragma once

#include "kernels/simd.h"

namespace {

constexpr int64_t kSums = 16;

// Element i of a row goes to lane i % 16.
struct SixteenSums {
  float lane[kSums] = {};

  CNNX_INLINE float total() {
    fold<kSums / 2>();
    return lane[0];
  }

 private:
  template <int64_t width>
  CNNX_INLINE void fold() {
    for (int64_t j = 0; j < width; ++j) lane[j] += lane[j + width];
    if constexpr (width > 1) fold<width / 2>();
  }
};

}  // namespace
