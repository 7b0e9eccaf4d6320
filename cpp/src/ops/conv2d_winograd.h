// Winograd's algorithm of conv2d, for 3x3 kernels with stride 1: fewer products, for transforms of
// tiles of the images and of the weights. What its passes and its weight gradient share.
#pragma once

#include <cstdint>

#include "cnnx/conv2d.h"
#include "kernels/conv2d_winograd.h"
#include "ops/conv2d_algorithms.h"

namespace cnnx::ops {

const WinogradKernels& winograd_kernels(WinogradTile tile);

// Multiplications that transforms of one channel of one tile take as long as.
constexpr int64_t kTransformProducts = 256;

// Inputs whose values, of all points and one block of columns, take half of a second-level cache.
constexpr int64_t inputs_at_once(int64_t points) {
  constexpr int64_t kFloats = 160 * 1024;
  return kFloats / (points * kWinogradColumns);
}

// Whether a batch's input and output do not stay in a second-level cache from layer to layer.
bool leaves_cache(const Conv2dGeometry& geometry);

// Threads share the transforms of tiles out of a source image.
void transform_tiles(WinogradTile tile, const WinogradShape& shape, const float* source,
                     WinogradTiles tiles, int threads, const WinogradPlanes& planes);

}  // namespace cnnx::ops
