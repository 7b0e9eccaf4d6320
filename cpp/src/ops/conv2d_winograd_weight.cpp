// Winograd's weight and bias gradients: sums over chunks of the batch's tiles, and the sum of the
// chunks.
#include <algorithm>

#include "kernels/bias_gradient.h"
#include "kernels/conv2d_winograd_weight.h"
#include "ops/conv2d_winograd.h"
#include "ops/shares.h"
#include "runtime/dispatch.h"
#include "runtime/memory.h"
#include "runtime/parallel.h"

namespace cnnx::ops {
namespace {

const WinogradWeightKernels& weight_kernels(WinogradTile tile) {
  return tile == WinogradTile::four ? CNNX_KERNELS(winograd4_weight_kernels)
                                    : CNNX_KERNELS(winograd2_weight_kernels);
}

// Chains begin where chunks do, so their number depends on shapes alone: a power of two, that any
// number of threads may share them fairly, at most eight; with at least 128 tiles each, which is
// when a chunk's sums cost a tenth of its products; and with all sums together at most 64 MB.
int64_t chunk_count(int64_t tiles, int64_t chunk_floats) {
  constexpr int64_t kMostChunks = 8, kLeastTiles = 128, kMostFloats = 16 * 1024 * 1024;
  int64_t count = 1;
  while (2 * count <= kMostChunks && 2 * count * kLeastTiles <= tiles &&
         2 * count * chunk_floats <= kMostFloats) {
    count *= 2;
  }
  return count;
}

// Tiles whose products are added to the sums at once: the more, the more seldom the sums go through
// memory, which costs most where they are many. The best of 14 to 256, within some percent.
int64_t tiles_at_once(const WinogradShape& shape) {
  constexpr int64_t kManyChannels = 256;  // in and out
  return shape.source_channels + shape.target_channels >= kManyChannels ? 128 : 56;
}

// Sums of chunks that take about 20 microseconds.
constexpr int64_t kGrainSums = 32 * 1024;

}  // namespace

WinogradWeightGradient::WinogradWeightGradient(const Conv2dGeometry& g, WinogradTile tile)
    : tile_(tile), shape_{g.in_height, g.in_width,   g.in_channels, -g.top,
                          -g.left,     g.out_height, g.out_width,   g.out_channels} {
  const int64_t side = static_cast<int64_t>(tile);
  tiles_ = g.batch * divide_up(g.out_height, side) * divide_up(g.out_width, side);
  chunks_ = chunk_count(tiles_, chunk_floats());
  most_tiles_ = tiles_at_once(shape_);
}

int64_t WinogradWeightGradient::sums_floats() const {
  return winograd_sums_floats(points(), shape_.source_channels, shape_.target_channels);
}

int64_t WinogradWeightGradient::chunk_floats() const {
  return sums_floats() + bias_sums_floats(shape_.target_channels);
}

int64_t WinogradWeightGradient::input_floats() const {
  return points() * winograd_plane_floats(std::min(tiles_, most_tiles_), shape_.source_channels);
}

int64_t WinogradWeightGradient::slot_floats() const {
  return input_floats() +
         points() * winograd_plane_floats(std::min(tiles_, most_tiles_), shape_.target_channels);
}

int64_t WinogradWeightGradient::scratch_floats(int threads) const {
  return chunks_ * chunk_floats() + threads * slot_floats();
}

// One chunk's sums for some of the columns.
void WinogradWeightGradient::run_share(const float* x, const float* grad_output, int64_t chunk,
                                       WinogradColumns columns, bool with_weight, bool with_bias,
                                       float* scratch, float* sums) const {
  const auto transform_input = winograd_kernels(tile_).transform_input;
  const WinogradWeightKernels& kernels = weight_kernels(tile_);
  float* const gradient_planes = scratch + input_floats();
  const int64_t begin = tiles_ * chunk / chunks_, count = tiles_ * (chunk + 1) / chunks_ - begin;
  const int64_t blocks = divide_up(count, most_tiles_);
  for (int64_t i = 0; i < blocks; ++i) {
    const int64_t first = begin + count * i / blocks, last = begin + count * (i + 1) / blocks;
    const WinogradTiles tiles = {first, last - first};
    kernels.transform_gradient(shape_, grad_output, tiles, columns, gradient_planes,
                               with_bias ? sums + sums_floats() : nullptr);
    if (!with_weight) continue;
    transform_input(shape_, x, tiles, scratch);
    kernels.add_products(shape_, tiles.count, columns, scratch, gradient_planes, i == 0, sums);
  }
}

void WinogradWeightGradient::run(const float* x, const float* grad_output, bool accumulate,
                                 int threads, float* scratch, float* grad_weight,
                                 float* grad_bias) const {
  const int64_t inputs = shape_.source_channels, outputs = shape_.target_channels;
  if (tiles_ == 0) {
    constexpr int64_t kTaps = 9;
    if (grad_weight && !accumulate) std::fill_n(grad_weight, kTaps * inputs * outputs, 0.0f);
    if (grad_bias && !accumulate) std::fill_n(grad_bias, outputs, 0.0f);
    return;
  }
  const WinogradWeightKernels& kernels = weight_kernels(tile_);
  float* const slots = scratch + chunks_ * chunk_floats();
  const int64_t groups = divide_up(outputs, kWinogradColumns);
  // More threads than chunks divide each chunk's columns among them.
  const int64_t parts = std::clamp<int64_t>(divide_up(threads, chunks_), 1, groups);
  if (grad_bias) {
    for (int64_t chunk = 0; chunk < chunks_; ++chunk) {
      std::fill_n(scratch + chunk * chunk_floats() + sums_floats(), bias_sums_floats(outputs),
                  0.0f);
    }
  }
  const int64_t products = tiles_ / chunks_ * points() * inputs * outputs / parts;
  const int64_t grain = kGrainProducts / std::max<int64_t>(1, products) + 1;
  runtime::parallel_for(threads, chunks_ * parts, grain, [&](int64_t begin, int64_t end, int slot) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t chunk = i / parts, part = i % parts;
      const WinogradColumns columns = {
          groups * part / parts * kWinogradColumns,
          std::min(outputs, groups * (part + 1) / parts * kWinogradColumns)};
      float* const sums = scratch + chunk * chunk_floats();
      run_share(x, grad_output, chunk, columns, grad_weight != nullptr, grad_bias != nullptr,
                slots + slot * slot_floats(), sums);
    }
  });
  if (grad_weight) {
    const int64_t grain_inputs = kGrainSums / (chunks_ * points() * outputs) + 1;
    runtime::parallel_for(threads, inputs, grain_inputs, [&](int64_t begin, int64_t end, int) {
      kernels.reduce(shape_, scratch, chunks_, chunk_floats(), begin, end, accumulate, grad_weight);
    });
  }
  if (grad_bias) {
    kernels.reduce_bias_gradient(scratch + sums_floats(), chunks_, chunk_floats(), outputs,
                                 accumulate, grad_bias);
  }
}

}  // namespace cnnx::ops
