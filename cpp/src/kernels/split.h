// The division of a line into tiles. For kernel files only.
#pragma once

#include "kernels/simd.h"

namespace {

// Nearly equal tiles: `count` items in the fewest tiles of at most `most`, the first ones one
// larger. No items make no tiles.
struct Split {
  int64_t tiles, size, larger;

  CNNX_INLINE int64_t items(int64_t tile) const { return size + (tile < larger); }
};
CNNX_INLINE Split split(int64_t count, int64_t most) {
  if (count <= 0) return {0, 0, 0};
  const int64_t tiles = (count + most - 1) / most;
  return {tiles, count / tiles, count % tiles};
}

}  // namespace
