// One window of the fused 2x2 max-pooling, from registers. For kernel files only.
#pragma once

#include <stdint.h>

#include "kernels/channel_lanes.h"
#include "kernels/conv2d_epilogue.h"
#include "kernels/pool2d_loops.h"
#include "kernels/simd.h"

namespace {

typedef uint8_t Bytes __attribute__((vector_size(kLanes)));
typedef uint8_t UnalignedBytes __attribute__((vector_size(kLanes), aligned(1), may_alias));

// Whole vectors: winner_step leaves room for them.
template <class Lanes>
CNNX_INLINE void store_winners(uint8_t* target, IntVector winner, Lanes) {
  *reinterpret_cast<UnalignedBytes*>(target) = __builtin_convertvector(winner, Bytes);
}
CNNX_INLINE void store_winners(uint8_t* target, IntVector winner, OneLane) {
  *target = static_cast<uint8_t>(winner[0]);
}

// Four pixels in row-major order, as ForwardEpilogue says; see relu_floor.
template <bool kWinners, class Lanes>
CNNX_INLINE void pool_window(const Vector* pixels, Vector floor, Lanes lanes, float* output,
                             uint8_t* winners) {
  Vector best = at_least(floor, pixels[0]);
  IntVector winner = {};
  CNNX_UNROLL for (int i = 1; i < 4; ++i) {
    const Vector pixel = at_least(floor, pixels[i]);
    const IntVector take = takes_over(pixel, best);
    best = take ? pixel : best;
    if (kWinners) winner = take ? IntVector{} + i : winner;
  }
  lanes.store(output, best);
  if (!kWinners) return;
  const IntVector has_one = (best > Vector{}) | (floor < Vector{});
  winner = has_one ? winner : IntVector{} + cnnx::kNoWinner;
  store_winners(winners, winner, lanes);
}

}  // namespace
