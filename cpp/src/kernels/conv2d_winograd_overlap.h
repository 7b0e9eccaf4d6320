// Inner loops of Winograd's input gradient by overlapping tiles: the transpose of the forward's
// steps. A tile of grad_output is transformed, multiplied with the forward's weights, and
// transformed to all pixels of grad_input that the tile's windows read, where tiles add up.
#pragma once

#include <stdint.h>

#include "kernels/conv2d_winograd.h"
#include "kernels/declare.h"

namespace cnnx {

// Floats of the sums of one row of an image's tiles: as many rows of pixels as a tile has points
// along an axis, and the columns of all its tiles, each pixel with whole vectors of channels.
constexpr int64_t winograd_overlap_floats(const WinogradShape& s, int64_t outputs, int64_t side) {
  const int64_t columns = (s.target_width + outputs - 1) / outputs;
  return side * ((columns - 1) * outputs + side) * winograd_row_floats(s.source_channels);
}

struct WinogradOverlapKernels {
  // grad_input <- the products of tiles (tiles, source_channels), in order, in the forward's shape.
  // A later call continues an image after the last tile of this one. `sums` holds
  // winograd_overlap_floats, zero before an image's first tile and again after its last one.
  void (*add_tiles)(const WinogradShape& shape, const WinogradPlanes& products, WinogradTiles tiles,
                    const GradientEpilogue& epilogue, float* sums, float* grad_input);
};

// F(2x2, 5x5).
CNNX_DECLARE_KERNELS(WinogradOverlapKernels, winograd2_of_5_overlap_kernels)

}  // namespace cnnx
