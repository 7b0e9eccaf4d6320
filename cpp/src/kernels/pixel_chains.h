// A channel's sum over pixels as a few chains; the lanes are channels. For kernel files only.
#pragma once

#include <stdint.h>

#include "kernels/channel_lanes.h"
#include "kernels/simd.h"

namespace {

// A channel's sum over pixels is this many chains; pixel i belongs to chain i % kChains.
constexpr int kChains = 4;

struct Chains {
  CNNX_INLINE Vector sum() const { return (chain[0] + chain[1]) + (chain[2] + chain[3]); }
  Vector chain[kChains] = {};
};

// Calls add(pixel, its chain) for every pixel.
template <class Add>
CNNX_INLINE void for_chains(int64_t pixels, const Add& add) {
  int64_t pixel = 0;
  for (; pixel + kChains <= pixels; pixel += kChains) {
    CNNX_UNROLL for (int i = 0; i < kChains; ++i) add(pixel + i, i);
  }
  CNNX_UNROLL for (int i = 0; i < kChains - 1; ++i) {
    if (pixel + i < pixels) add(pixel + i, i);
  }
}

}  // namespace
