// Winograd's algorithm of conv2d, for 3x3 kernels with stride 1: fewer products, for transforms of
// tiles of the pictures and of the weights. Its plans are made once per shape, allocate nothing
// when they run, and may run in several threads at once.
#pragma once

#include <cstdint>

#include "cnnx/conv2d.h"
#include "kernels/conv2d_epilogue.h"
#include "kernels/conv2d_winograd.h"
#include "ops/conv2d_algorithm.h"

namespace cnnx::ops {

const WinogradKernels& winograd_kernels(WinogradTile tile);

// Windows over a source picture that make a target picture: forward, or the input gradient, which
// is the same with flipped weights over grad_output.
class WinogradConvolution {
 public:
  static WinogradConvolution forward(const Conv2dGeometry& geometry, WinogradTile tile);
  static WinogradConvolution input_gradient(const Conv2dGeometry& geometry, WinogradTile tile);

  // The weights as the other two read them.
  int64_t weights_floats() const;
  void transform(const float* weight, int threads, float* transformed) const;

  int64_t scratch_floats(int threads) const;
  void run(const float* source, const float* transformed, const ForwardEpilogue& epilogue,
           int threads, float* scratch, float* target) const;
  void run(const float* source, const float* transformed, const GradientEpilogue& epilogue,
           int threads, float* scratch, float* target) const;

 private:
  WinogradConvolution(const Conv2dGeometry& geometry, WinogradTile tile, bool transposed);
  struct Cut;
  Cut cut(int threads) const;
  int64_t points() const { return winograd_points(static_cast<int64_t>(tile_)); }
  int64_t planes_floats(int64_t tiles) const;
  int64_t products_floats(int64_t tiles) const;
  template <class Compute>
  void run_tiles(const float* source, int threads, float* scratch, const Compute& compute) const;

  WinogradTile tile_;
  WinogradShape shape_;
  WinogradWeight weight_;
  int64_t tiles_;       // of the whole batch
  int64_t most_tiles_;  // in a block
};

// Weight and bias gradients, as sums over chunks of the batch's tiles that are added up at the end.
class WinogradWeightGradient {
 public:
  WinogradWeightGradient(const Conv2dGeometry& geometry, WinogradTile tile);

  int64_t scratch_floats(int threads) const;
  // Either gradient may be null.
  void run(const float* x, const float* grad_output, bool accumulate, int threads, float* scratch,
           float* grad_weight, float* grad_bias) const;

 private:
  int64_t points() const { return winograd_points(static_cast<int64_t>(tile_)); }
  int64_t sums_floats() const;
  int64_t chunk_floats() const;
  int64_t input_floats() const;
  int64_t slot_floats() const;
  void run_share(const float* x, const float* grad_output, int64_t chunk, WinogradColumns columns,
                 bool with_weight, bool with_bias, float* scratch, float* sums) const;

  WinogradTile tile_;
  WinogradShape shape_;
  int64_t tiles_;  // of the whole batch
  int64_t chunks_;
  int64_t most_tiles_;  // in a block
};

}  // namespace cnnx::ops
