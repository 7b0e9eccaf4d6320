// Inner loops of Winograd's weight gradient: sums over tiles of the transformed input times the
// transformed gradient of the output.
#pragma once

#include <stdint.h>

#include "kernels/conv2d_winograd.h"
#include "kernels/declare.h"

namespace cnnx {

// Floats of a chunk's sums: for every point a matrix (inputs, outputs) and a line more.
constexpr int64_t winograd_sums_floats(int64_t points, int64_t inputs, int64_t outputs) {
  return points * winograd_plane_floats(inputs, outputs);
}

struct WinogradWeightKernels {
  // planes <- the gradient at `columns` of the target, and added to bias_sums (or null; see
  // bias_gradient.h) what it sums to.
  void (*transform_gradient)(const WinogradShape& shape, const float* gradient, WinogradTiles tiles,
                             WinogradColumns columns, float* planes, float* bias_sums);
  // sums[point] += input_planes[point] transposed times gradient_planes[point], at `columns`;
  // `fresh` begins them at zero.
  void (*add_products)(const WinogradShape& shape, int64_t tiles, WinogradColumns columns,
                       const float* input_planes, const float* gradient_planes, bool fresh,
                       float* sums);
  // target[tap][k][column] (+)= the sums of all chunks, in their order and then transformed back,
  // for k in [first, last); chunks are chunk_floats apart.
  void (*reduce)(const WinogradShape& shape, const float* sums, int64_t chunks,
                 int64_t chunk_floats, int64_t first, int64_t last, bool accumulate, float* target);
  // See bias_gradient.h.
  void (*reduce_bias_gradient)(const float* sums, int64_t chunks, int64_t chunk_floats,
                               int64_t channels, bool accumulate, float* target);
};

// Of tiles of 2x2 and of 4x4 outputs.
CNNX_DECLARE_KERNELS(WinogradWeightKernels, winograd2_weight_kernels)
CNNX_DECLARE_KERNELS(WinogradWeightKernels, winograd4_weight_kernels)

}  // namespace cnnx
