// Winograd's convolution, forward and input gradient: cuts the tiles of a batch into blocks that
// fit into a cache, shares them out.
#include "ops/conv2d_winograd.h"

#include <algorithm>

#include "ops/shares.h"
#include "runtime/dispatch.h"
#include "runtime/parallel.h"

namespace cnnx::ops {

const WinogradKernels& winograd_kernels(WinogradTile tile) {
  return tile == WinogradTile::four ? CNNX_KERNELS(winograd4_kernels)
                                    : CNNX_KERNELS(winograd2_kernels);
}

namespace {

// Weights transformed in about 20 microseconds.
constexpr int64_t kGrainWeights = 4 * 1024;
// What transforms of one channel of one tile take as long as.
constexpr int64_t kTransformProducts = 256;
// Fewer rows leave the register tiles of the products half empty.
constexpr int64_t kLeastTiles = 12;

// Tiles in a block, a multiple of all instruction sets' register tiles or near one. The block's
// values before and after the products stay in a second-level cache while they are few; where the
// weights do not fit into one, they are read for twice as many tiles. The best of 14 to 256, within
// some percent.
int64_t tiles_at_once(const WinogradWeight& weight) {
  constexpr int64_t kManyChannels = 256;  // in and out
  return weight.inputs + weight.outputs >= kManyChannels ? 56 : 28;
}

}  // namespace

WinogradConvolution::WinogradConvolution(const Conv2dGeometry& g, WinogradTile tile,
                                         bool transposed)
    : tile_(tile) {
  const int64_t tap_step = g.in_channels * g.out_channels;
  if (transposed) {
    shape_ = {g.out_height, g.out_width, g.out_channels, g.top - 2,
              g.left - 2,   g.in_height, g.in_width,     g.in_channels};
    weight_ = {g.out_channels, g.in_channels, 1, g.out_channels, tap_step, true};
  } else {
    shape_ = {g.in_height, g.in_width,   g.in_channels, -g.top,
              -g.left,     g.out_height, g.out_width,   g.out_channels};
    weight_ = {g.in_channels, g.out_channels, g.out_channels, 1, tap_step, false};
  }
  const int64_t side = static_cast<int64_t>(tile);
  tiles_ = g.batch * divide_up(shape_.target_height, side) * divide_up(shape_.target_width, side);
  most_tiles_ = tiles_at_once(weight_);
}

WinogradConvolution WinogradConvolution::forward(const Conv2dGeometry& g, WinogradTile tile) {
  return WinogradConvolution(g, tile, false);
}

WinogradConvolution WinogradConvolution::input_gradient(const Conv2dGeometry& g,
                                                        WinogradTile tile) {
  return WinogradConvolution(g, tile, true);
}

int64_t WinogradConvolution::weights_floats() const {
  return winograd_weight_floats(points(), weight_.inputs, weight_.outputs);
}

void WinogradConvolution::transform(const float* weight, int threads, float* transformed) const {
  const auto transform_weight = winograd_kernels(tile_).transform_weight;
  // Shares are whole groups of columns of a few inputs.
  constexpr int64_t kInputs = 16;
  const int64_t groups = divide_up(weight_.outputs, kWinogradColumns);
  const int64_t bands = divide_up(weight_.inputs, kInputs);
  const int64_t share = kInputs * std::min(weight_.outputs, kWinogradColumns);
  runtime::parallel_for(
      threads, groups * bands, kGrainWeights / share + 1, [&](int64_t begin, int64_t end, int) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t first = i % bands * kInputs, column = i / bands * kWinogradColumns;
          transform_weight(weight_, weight, first, std::min(weight_.inputs, first + kInputs),
                           {column, std::min(weight_.outputs, column + kWinogradColumns)},
                           transformed);
        }
      });
}

// Blocks of tiles, and parts into which the columns of a block are divided: more than one only if
// there is one block.
struct WinogradConvolution::Cut {
  int64_t blocks, parts;
};

WinogradConvolution::Cut WinogradConvolution::cut(int threads) const {
  const int64_t for_cache = divide_up(tiles_, most_tiles_);
  const int64_t for_threads = std::min<int64_t>(threads, tiles_ / kLeastTiles);
  const int64_t parts =
      std::min<int64_t>(threads, divide_up(shape_.target_channels, kWinogradColumns));
  if (for_cache <= 1 && for_threads < parts) return {1, parts};
  return {std::max<int64_t>(for_cache, for_threads), 1};
}

int64_t WinogradConvolution::planes_floats(int64_t tiles) const {
  return points() * winograd_plane_floats(tiles, shape_.source_channels);
}

int64_t WinogradConvolution::products_floats(int64_t tiles) const {
  return points() * winograd_plane_floats(tiles, shape_.target_channels);
}

int64_t WinogradConvolution::scratch_floats(int threads) const {
  const int64_t tiles = std::min(tiles_, most_tiles_);
  return threads * (planes_floats(tiles) + products_floats(tiles));
}

// compute(planes, tiles, columns, products) for all tiles and columns.
template <class Compute>
void WinogradConvolution::run_tiles(const float* source, int threads, float* scratch,
                                    const Compute& compute) const {
  if (tiles_ == 0) return;
  const auto transform_input = winograd_kernels(tile_).transform_input;
  const Cut shares = cut(threads);
  const int64_t tiles = std::min(tiles_, most_tiles_);
  float* const products = scratch + threads * planes_floats(tiles);
  const int64_t tile_products =
      points() * shape_.source_channels * shape_.target_channels +
      kTransformProducts * (shape_.source_channels + shape_.target_channels);
  if (shares.parts > 1) {
    const WinogradTiles all = {0, tiles_};
    transform_input(shape_, source, all, scratch);
    const int64_t groups = divide_up(shape_.target_channels, kWinogradColumns);
    const int64_t grain = kGrainProducts * groups / (tiles_ * tile_products) + 1;
    runtime::parallel_for(threads, groups, grain, [&](int64_t begin, int64_t end, int slot) {
      const WinogradColumns columns = {begin * kWinogradColumns,
                                       std::min(shape_.target_channels, end * kWinogradColumns)};
      compute(scratch, all, columns, products + slot * products_floats(tiles));
    });
    return;
  }
  const int64_t block_products = divide_up(tiles_, shares.blocks) * tile_products;
  const int64_t grain = kGrainProducts / std::max<int64_t>(1, block_products) + 1;
  runtime::parallel_for(threads, shares.blocks, grain, [&](int64_t begin, int64_t end, int slot) {
    float* const planes = scratch + slot * planes_floats(tiles);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = tiles_ * i / shares.blocks, last = tiles_ * (i + 1) / shares.blocks;
      const WinogradTiles block = {first, last - first};
      transform_input(shape_, source, block, planes);
      compute(planes, block, WinogradColumns{0, shape_.target_channels},
              products + slot * products_floats(tiles));
    }
  });
}

void WinogradConvolution::run(const float* source, const float* transformed,
                              const ForwardEpilogue& epilogue, int threads, float* scratch,
                              float* target) const {
  const auto forward = winograd_kernels(tile_).forward;
  run_tiles(
      source, threads, scratch,
      [&](const float* planes, WinogradTiles tiles, WinogradColumns columns, float* products) {
        forward(shape_, planes, transformed, tiles, columns, epilogue, products, target);
      });
}

void WinogradConvolution::run(const float* source, const float* transformed,
                              const GradientEpilogue& epilogue, int threads, float* scratch,
                              float* target) const {
  const auto input_gradient = winograd_kernels(tile_).input_gradient;
  run_tiles(
      source, threads, scratch,
      [&](const float* planes, WinogradTiles tiles, WinogradColumns columns, float* products) {
        input_gradient(shape_, planes, transformed, tiles, columns, epilogue, products, target);
      });
}

namespace {

class WinogradAlgorithm final : public Conv2dAlgorithm {
 public:
  WinogradAlgorithm(const Conv2dGeometry& geometry, WinogradTile tile)
      : forward_(WinogradConvolution::forward(geometry, tile)),
        input_gradient_(WinogradConvolution::input_gradient(geometry, tile)),
        weight_gradient_(geometry, tile) {}
  int64_t derived_floats() const override { return forward_.weights_floats(); }
  void derive(const float* weight, int threads, float* derived) const override {
    forward_.transform(weight, threads, derived);
  }
  int64_t forward_scratch_floats(int threads) const override {
    return forward_.scratch_floats(threads);
  }
  void forward(const float* x, const float*, const float* derived, const ForwardEpilogue& epilogue,
               int threads, float* scratch, float* output) const override {
    forward_.run(x, derived, epilogue, threads, scratch, output);
  }
  bool pools() const override { return true; }
  int64_t input_gradient_scratch_floats(int threads) const override {
    return input_gradient_.weights_floats() + input_gradient_.scratch_floats(threads);
  }
  void input_gradient(const float* grad_output, const float* weight,
                      const GradientEpilogue& epilogue, int threads, float* scratch,
                      float* grad_input) const override {
    input_gradient_.transform(weight, threads, scratch);
    input_gradient_.run(grad_output, scratch, epilogue, threads,
                        scratch + input_gradient_.weights_floats(), grad_input);
  }
  int64_t weight_gradient_scratch_floats(int threads) const override {
    return weight_gradient_.scratch_floats(threads);
  }
  void weight_gradient(const float* x, const float* grad_output, bool accumulate, int threads,
                       float* scratch, float* grad_weight, float* grad_bias) const override {
    weight_gradient_.run(x, grad_output, accumulate, threads, scratch, grad_weight, grad_bias);
  }

 private:
  WinogradConvolution forward_, input_gradient_;
  WinogradWeightGradient weight_gradient_;
};

}  // namespace

std::unique_ptr<const Conv2dAlgorithm> make_conv2d_winograd(const Conv2dGeometry& geometry,
                                                            WinogradTile tile) {
  return std::make_unique<WinogradAlgorithm>(geometry, tile);
}

}  // namespace cnnx::ops
