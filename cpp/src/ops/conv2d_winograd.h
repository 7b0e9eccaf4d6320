// Winograd's algorithm of conv2d, for 3x3 kernels with stride 1: fewer products, for transforms of
// tiles of the images and of the weights. Its plans are made once per shape, allocate nothing
// when they run, and may run in several threads at once.
#pragma once

#include <cstdint>

#include "cnnx/conv2d.h"
#include "kernels/conv2d_winograd.h"
#include "kernels/conv2d_winograd_weight.h"
#include "ops/conv2d_algorithm.h"
#include "ops/shares.h"

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

// Windows over a source image that make a target image: forward, or the input gradient, which
// is the same with flipped weights over grad_output. Weights that fit into a second-level cache are
// transformed once and read for a block of tiles at a time. Larger ones are taken a few columns at
// a time for as many tiles as can be: a thread transforms those, or fetches them, and has them in
// its cache.
class WinogradConvolution {
 public:
  static WinogradConvolution forward(const Conv2dGeometry& geometry, WinogradTile tile);
  static WinogradConvolution input_gradient(const Conv2dGeometry& geometry, WinogradTile tile);

  // The weights transformed.
  int64_t weights_floats() const;
  void transform(const float* weight, int threads, float* transformed) const;
  // Whether `transformed` may be null, because weights are better transformed where they are used:
  // large ones, if all tiles use them at once.
  bool transforms_in_parts() const { return large_weights_ && tiles_ <= most_tiles_by_columns_; }

  int64_t scratch_floats(int threads) const;
  void run(const float* source, const float* weight, const float* transformed,
           const Epilogue& epilogue, int threads, float* scratch, float* target) const;

 private:
  WinogradConvolution(const Conv2dGeometry& geometry, WinogradTile tile, bool transposed);
  int64_t points() const { return winograd_points(static_cast<int64_t>(tile_)); }
  int64_t group_floats() const;
  int64_t column_blocks() const { return divide_up(weight_.outputs, kWinogradColumns); }
  int64_t tile_products() const;
  int64_t tile_blocks(int threads) const;
  bool by_columns(int threads) const;
  int64_t planes_floats(int64_t tiles) const;
  int64_t products_floats(int64_t tiles, int64_t columns) const;
  int64_t panels_floats() const;
  template <class Finish>
  void run_tiles(const float* source, const float* weight, const float* transformed, int threads,
                 float* scratch, const Finish& finish) const;
  template <class Finish>
  void run_blocks(const float* source, const float* transformed, int threads, float* scratch,
                  const Finish& finish) const;
  template <class Finish>
  void run_columns(const float* source, const float* weight, const float* transformed, int threads,
                   WinogradTiles tiles, float* scratch, const Finish& finish) const;
  void multiply_columns(const WinogradPlanes& planes, int64_t tiles, const float* weight,
                        const float* transformed, WinogradColumns columns, float* panels,
                        const WinogradPlanes& products) const;

  WinogradTile tile_;
  WinogradShape shape_;
  WinogradWeight weight_;  // of a group
  int64_t group_step_;     // to the weights of the next one
  int64_t tiles_;          // of the whole batch
  int64_t most_tiles_;     // in a block
  bool large_weights_;
  int64_t most_tiles_by_columns_;
};

// Weight and bias gradients, as sums over chunks of the batch's tiles that are added up at the end.
// Sums larger than a cache, of few tiles, are made a few columns at a time and never stored.
class WinogradWeightGradient {
 public:
  WinogradWeightGradient(const Conv2dGeometry& geometry, WinogradTile tile);

  int64_t scratch_floats(int threads) const;
  // Either gradient may be null.
  void run(const GradientKernels& kernels, const float* x, const float* grad_output,
           bool accumulate, int threads, float* scratch, float* grad_weight,
           float* grad_bias) const;

 private:
  int64_t points() const { return winograd_points(static_cast<int64_t>(tile_)); }
  // Parts that threads may have of the columns: the groups of channels stay together.
  int64_t column_blocks() const {
    return shape_.groups > 1 ? 1 : divide_up(shape_.target_channels, kWinogradColumns);
  }
  int64_t sums_floats() const;
  int64_t chunk_floats() const;
  int64_t input_floats() const;
  int64_t slot_floats() const;
  int64_t column_sums_floats() const;
  void run_columns(const WinogradWeightKernels& kernels, const float* x, const float* grad_output,
                   bool accumulate, int threads, float* scratch, float* grad_weight,
                   bool with_bias) const;
  void run_share(const WinogradWeightKernels& kernels, const float* x, const float* grad_output,
                 int64_t chunk, WinogradColumns columns, bool with_weight, bool with_bias,
                 float* scratch, float* sums) const;

  WinogradTile tile_;
  WinogradShape shape_;
  int64_t tiles_;  // of the whole batch
  int64_t chunks_;
  int64_t most_tiles_;  // in a block
  bool by_columns_;
};

}  // namespace cnnx::ops
