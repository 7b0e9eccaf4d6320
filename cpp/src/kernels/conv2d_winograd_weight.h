// Inner loops of Winograd's weight gradient: sums over tiles of the transformed input times the
// transformed gradient of the output.
#pragma once

#include <stdint.h>

#include "kernels/conv2d_winograd.h"
#include "kernels/declare.h"

namespace cnnx {

// One group's sums, of every chunk of tiles.
struct WinogradSums {
  WinogradPart part;
  WinogradPlanes planes;  // of the first chunk
  int64_t chunks, chunk_floats;
};

struct WinogradWeightKernels {
  // planes <- the gradient at `columns` of the target. Its sum is added to bias_sums (or null; see
  // bias_gradient.h).
  void (*transform_gradient)(const WinogradShape& shape, const float* gradient, WinogradTiles tiles,
                             WinogradColumns columns, const WinogradPlanes& planes,
                             float* bias_sums);
  // A group's sums (inputs, columns) += its input_planes (tiles, inputs) transposed times
  // gradient_planes (tiles, columns); `fresh` starts from zero.
  void (*add_products)(int64_t tiles, const WinogradInputs& inputs, int64_t columns,
                       const WinogradPlanes& input_planes, const WinogradPlanes& gradient_planes,
                       bool fresh, const WinogradPlanes& sums);
  // target[tap][k][column] (+)= the sums of all chunks, in order and then transformed back,
  // for a part's k in [first, last) of a group and `columns`, whose sums these are.
  void (*reduce)(const WinogradShape& shape, const WinogradSums& sums, int64_t first, int64_t last,
                 WinogradColumns columns, bool accumulate, float* target);
  // See bias_gradient.h.
  void (*reduce_bias_gradient)(const float* sums, int64_t chunks, int64_t chunk_floats,
                               int64_t channels, bool accumulate, float* target);
};

// F(2x2, 3x3), F(4x4, 3x3), F(2x2, 5x5), F(4x4, 2x2) and F(4x4, 4x4).
CNNX_DECLARE_KERNELS(WinogradWeightKernels, winograd2_weight_kernels)
CNNX_DECLARE_KERNELS(WinogradWeightKernels, winograd4_weight_kernels)
CNNX_DECLARE_KERNELS(WinogradWeightKernels, winograd2_of_5_weight_kernels)
CNNX_DECLARE_KERNELS(WinogradWeightKernels, winograd4_of_2_weight_kernels)
CNNX_DECLARE_KERNELS(WinogradWeightKernels, winograd4_of_4_weight_kernels)

}  // namespace cnnx
