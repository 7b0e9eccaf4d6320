// The parts that Winograd's passes and weight gradient share. The algorithm, for kernels of
// 3x3, 5x5 and 7x7 with stride 1 or 2, has fewer products, but transforms tiles of the images and
// the weights.
#pragma once

#include <cstdint>

#include "cnnx/conv2d.h"
#include "kernels/conv2d_winograd.h"
#include "ops/conv2d_algorithms.h"

namespace cnnx::ops {

const WinogradKernels& winograd_kernels(WinogradTile tile);

// Multiplications that take as long as the transforms of one channel of one tile.
constexpr int64_t kTransformMultiplyAdds = 256;

// The values of tiles that are multiplied with all columns stay in a third-level cache.
constexpr int64_t kPlanesFloats = 1536 * 1024;

// Inputs whose values, of all points and one block of columns, take half of a second-level cache.
constexpr int64_t inputs_at_once(int64_t points) {
  constexpr int64_t kFloats = 160 * 1024;
  return kFloats / (points * kWinogradColumns);
}

// Whether a batch's input and output exceed a second-level cache between layers, and tiles are so
// close together that each can prefetch what the one below reads.
bool leaves_cache(const Conv2dGeometry& geometry);

// One of the parts of the kernel, each with so many inputs.
WinogradPart winograd_part(const WinogradTile& tile, int64_t index, int64_t inputs);

// The inputs of all parts, each with so many.
WinogradInputs winograd_inputs(const WinogradTile& tile, int64_t inputs);

// Columns of the planes of all parts. The last vector of the last part is stored whole.
constexpr int64_t winograd_source_columns(const WinogradTile& tile, int64_t channels) {
  return (tile.parts() - 1) * channels + winograd_row_floats(channels);
}

// Groups of weights, and the floats from one to the next.
struct WinogradGroups {
  int64_t count, weight_step;
};

// transformed <- the weights of all groups, each winograd_weight_floats.
void pack_winograd_weights(const WinogradTile& tile, const WinogradWeight& shape,
                           WinogradGroups groups, const float* weight, int threads,
                           float* transformed);

// planes <- tiles of a source image, for every part of the kernel.
void transform_parts(const WinogradTile& tile, const WinogradShape& shape, const float* source,
                     WinogradTiles tiles, const WinogradPlanes& planes);

// The same by several threads, which share the tiles.
void transform_tiles(WinogradTile tile, const WinogradShape& shape, const float* source,
                     WinogradTiles tiles, int threads, const WinogradPlanes& planes);

}  // namespace cnnx::ops
