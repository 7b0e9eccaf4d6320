// One window of the fused 2x2 max-pooling, from registers. For kernel files only.
#pragma once

#include <stdint.h>

#include "kernels/argmax_lanes.h"
#include "kernels/channel_lanes.h"
#include "kernels/conv2d_epilogue.h"
#include "kernels/pool2d_loops.h"
#include "kernels/simd.h"

namespace {

// Four pixels in row-major order, as in ForwardEpilogue; see relu_floor.
template <bool kArgmax, class Lanes>
CNNX_INLINE void pool_window(const Vector* pixels, Vector floor, Lanes lanes, float* output,
                             uint8_t* argmax) {
  Vector best = at_least(floor, pixels[0]);
  IntVector argmax_index = {};
  CNNX_UNROLL for (int i = 1; i < 4; ++i) {
    const Vector pixel = at_least(floor, pixels[i]);
    const IntVector take = takes_over(pixel, best);
    best = take ? pixel : best;
    if (kArgmax) argmax_index = take ? IntVector{} + i : argmax_index;
  }
  lanes.store(output, best);
  if (!kArgmax) return;
  const IntVector has_one = (best > Vector{}) | (floor < Vector{});
  argmax_index = has_one ? argmax_index : IntVector{} + cnnx::kNoArgmax;
  store_argmax(argmax, argmax_index, lanes);
}

}  // namespace
