// Winograd's convolution, forward and input gradient: divides the tiles of a batch into blocks that
// fit into a cache, distributes them to threads.
#include "ops/conv2d_winograd.h"

#include <algorithm>
#include <limits>
#include <memory>

#include "ops/conv2d_plan.h"
#include "ops/shares.h"
#include "runtime/dispatch.h"
#include "runtime/parallel.h"

namespace cnnx::ops {

const WinogradKernels& winograd_kernels(WinogradTile tile) {
  if (tile.taps == 2) return CNNX_KERNELS(winograd4_of_2_kernels);
  if (tile.taps == 4) return CNNX_KERNELS(winograd4_of_4_kernels);
  if (tile.taps == 5) return CNNX_KERNELS(winograd2_of_5_kernels);
  return tile.outputs == 4 ? CNNX_KERNELS(winograd4_kernels) : CNNX_KERNELS(winograd2_kernels);
}

namespace {

// Weights transformed in about 20 microseconds.
constexpr int64_t kGrainWeights = 4 * 1024;
// Fewer rows leave the register tiles of the matrix products half empty.
constexpr int64_t kLeastTiles = 8;

// Tiles in a block, a multiple of all instruction sets' register tiles or near one. The block's
// values before and after the matrix products stay in a second-level cache; few channels allow more
// tiles. If the weights exceed a second-level cache, a block has twice as many tiles. The fastest
// of 14 to 256, within some percent. With groups, weights are few, and a group's channels are a
// small part of the block's.
int64_t tiles_at_once(int64_t groups, bool in_parts, const WinogradWeight& weight) {
  constexpr int64_t kFewChannels = 32, kManyChannels = 256;  // in and out
  const int64_t channels = weight.inputs + weight.outputs;
  if (groups > 1 || (in_parts && channels >= kManyChannels)) return 14;
  return channels <= kFewChannels ? 70 : channels >= kManyChannels ? 56 : 28;
}
// Tiles that are multiplied in the time of fetching a weight from beyond a second-level cache.
constexpr int64_t kTilesPerWeight = 16;
// Weights that take longer to fetch for every block of tiles than to transform on use.
constexpr int64_t kLargeWeights = 1024 * 1024;

}  // namespace

bool leaves_cache(const Conv2dGeometry& g) {
  return g.dilation.height == 1 && elements_in_and_out(g) > kCachedFloats;
}

WinogradPart winograd_part(const WinogradTile& tile, int64_t index, int64_t inputs) {
  if (tile.parts() == 1) return {tile.kernel_side, 0, 0, 0};
  const int64_t row = index / 2, column = (index + 1) / 2 % 2 ^ 1;
  const int64_t apart = tile.stride == 2 ? 1 : tile.taps;
  return {tile.kernel_side, row * apart, column * apart, index * inputs, tile.stride};
}

// Only the first parts along an axis include the last tap. The order of winograd_part makes each
// range contiguous.
WinogradInputs winograd_inputs(const WinogradTile& tile, int64_t inputs) {
  if (tile.parts() == 1) return WinogradInputs::all(inputs);
  return {{0, 4 * inputs}, {inputs, 3 * inputs}, {0, 2 * inputs}, {inputs, 2 * inputs}};
}

void transform_parts(const WinogradTile& tile, const WinogradShape& shape, const float* source,
                     WinogradTiles tiles, const WinogradPlanes& planes) {
  const auto transform_input = winograd_kernels(tile).transform_input;
  for (int64_t i = 0; i < tile.parts(); ++i) {
    const WinogradPart part = winograd_part(tile, i, shape.source_channels);
    WinogradShape shifted = shape;
    shifted.first_row += part.row * shape.dilation;
    shifted.first_column += part.column * shape.dilation;
    shifted.fetches = shape.fetches && i + 1 == tile.parts();  // it reads furthest ahead
    transform_input(shifted, source, tiles, planes.at(0, part.first_input));
  }
}

void transform_tiles(WinogradTile tile, const WinogradShape& shape, const float* source,
                     WinogradTiles tiles, int threads, const WinogradPlanes& planes) {
  const int64_t channels = tile.parts() * shape.source_channels;
  const int64_t grain = kGrainMultiplyAdds / (kTransformMultiplyAdds * channels) + 1;
  runtime::parallel_for(threads, tiles.count, grain, [&](int64_t begin, int64_t end, int) {
    transform_parts(tile, shape, source, {tiles.first + begin, end - begin}, planes.at(begin, 0));
  });
}

void pack_winograd_weights(const WinogradTile& tile, const WinogradWeight& shape,
                           WinogradGroups groups, const float* weight, int threads,
                           float* transformed) {
  const WinogradKernels& kernels = winograd_kernels(tile);
  const int64_t group_floats = winograd_weight_floats(tile.points(), shape.inputs, shape.outputs);
  // Shares are whole groups of columns of a few inputs.
  constexpr int64_t kInputs = 16;
  const int64_t inputs = shape.inputs / tile.parts(), part_bands = divide_up(inputs, kInputs);
  const int64_t bands = tile.parts() * part_bands;
  const int64_t shares = divide_up(shape.outputs, kWinogradColumns) * bands;
  const int64_t share = kInputs * std::min(shape.outputs, kWinogradColumns);
  runtime::parallel_for(
      threads, groups.count * shares, kGrainWeights / share + 1,
      [&](int64_t begin, int64_t end, int) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t group = i / shares, place = i % shares;
          const int64_t band = place % bands, column = place / bands * kWinogradColumns;
          const int64_t first = band % part_bands * kInputs;
          kernels.transform_weight(
              shape, winograd_part(tile, band / part_bands, inputs),
              weight + group * groups.weight_step, first, std::min(inputs, first + kInputs),
              {column, std::min(shape.outputs, column + kWinogradColumns)},
              transformed + group * group_floats + kernels.panels_offset(shape.inputs, column));
        }
      });
}

namespace {

// Packed weights are the transformed ones. Those that fit into a second-level cache are transformed
// once and read for a block of tiles at a time. Larger ones are read a few columns at a time for as
// many tiles as possible: a thread transforms or fetches those columns and keeps them in its cache.
class WinogradConvolution final : public Conv2dPass {
 public:
  WinogradConvolution(const Conv2dGeometry& geometry, WinogradTile tile, PassDirection direction);

  int64_t packed_floats() const override { return shape_.groups * group_floats(); }
  void pack_weights(const float* weight, int threads, float* transformed) const override {
    pack_winograd_weights(tile_, weight_, {shape_.groups, group_step_}, weight, threads,
                          transformed);
  }
  // Large weights, if all tiles use them at once.
  bool packs_in_parts() const override {
    return large_weights_ && tiles_ <= most_tiles_by_columns_;
  }
  int64_t scratch_floats(int threads) const override;
  void run(const float* source, const float* weight, const float* transformed,
           const Epilogue& epilogue, int threads, float* scratch, float* target) const override;
  bool pools() const override { return shape_.dilation == 1; }
  bool adds() const override { return true; }

 private:
  int64_t points() const { return tile_.points(); }
  int64_t source_columns() const { return winograd_source_columns(tile_, shape_.source_channels); }
  int64_t group_floats() const;
  int64_t column_blocks() const { return divide_up(weight_.outputs, kWinogradColumns); }
  int64_t tile_multiply_adds() const;
  struct Division {
    int64_t tile_blocks, column_parts;
  };
  Division division(int threads) const;
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
  WinogradInputs inputs_;  // of a group
  int64_t group_step_;     // to the weights of the next one
  int64_t tiles_;          // of the whole batch
  int64_t most_tiles_;     // in a block
  bool large_weights_;
  int64_t most_tiles_by_columns_;
};

WinogradConvolution::WinogradConvolution(const Conv2dGeometry& g, WinogradTile tile,
                                         PassDirection direction)
    : tile_(tile) {
  const int64_t inputs = g.in_channels / g.groups, outputs = g.out_channels / g.groups;
  const int64_t tap_step = inputs * g.out_channels;
  const int64_t overlap = (tile.kernel_side - 1) * g.dilation.height;
  if (direction == PassDirection::input_gradient) {
    shape_ = {g.out_height, g.out_width, g.out_channels, g.top - overlap, g.left - overlap,
              g.in_height,  g.in_width,  g.in_channels,  g.groups,        leaves_cache(g)};
    weight_ = {tile.parts() * outputs, inputs, 1, g.out_channels, tap_step, true};
  } else {
    shape_ = {g.in_height,  g.in_width,  g.in_channels,  -g.top,   -g.left,
              g.out_height, g.out_width, g.out_channels, g.groups, leaves_cache(g)};
    weight_ = {tile.parts() * inputs, outputs, g.out_channels, 1, tap_step, false};
  }
  shape_.stride = tile.stride;
  shape_.dilation = g.dilation.height;
  inputs_ = winograd_inputs(tile, weight_.inputs / tile.parts());
  group_step_ = outputs;
  tiles_ = g.batch * winograd_tile_count(shape_.target_height, shape_.target_width, tile.outputs,
                                         shape_.dilation);
  most_tiles_ = tiles_at_once(g.groups, tile.parts() > 1, weight_);
  large_weights_ = g.groups == 1 && tile.parts() == 1 && packed_floats() > kLargeWeights;
  most_tiles_by_columns_ = std::max(kPlanesFloats / (points() * source_columns()), most_tiles_);
}

int64_t WinogradConvolution::group_floats() const {
  return winograd_weight_floats(points(), weight_.inputs, weight_.outputs);
}

// Multiplications that take as long as a tile.
int64_t WinogradConvolution::tile_multiply_adds() const {
  return points() * weight_.inputs * shape_.target_channels +
         kTransformMultiplyAdds * (source_columns() + shape_.target_channels);
}

// Blocks of tiles, and parts of the columns, which divide a block among threads that outnumber the
// blocks. Each part transforms its tiles for itself, which takes less time than fetching another
// thread's. Of few tiles, the division whose largest share takes least: parts of the columns
// fetch fewer weights, blocks of tiles transform fewer tiles.
WinogradConvolution::Division WinogradConvolution::division(int threads) const {
  const int64_t most_blocks = std::clamp<int64_t>(tiles_ / kLeastTiles, 1, threads);
  const int64_t needed = divide_up(tiles_, most_tiles_);
  if (shape_.groups > 1 || needed >= threads)
    return {divide_up(needed, most_blocks) * most_blocks, 1};
  const int64_t fetching = group_floats() > kCachedFloats ? kTilesPerWeight : 0;
  Division best{};
  int64_t least = std::numeric_limits<int64_t>::max();
  for (int64_t blocks = needed; blocks <= std::max(needed, most_blocks); ++blocks) {
    const int64_t parts = std::clamp<int64_t>(threads / blocks, 1, column_blocks());
    const int64_t tiles = divide_up(tiles_, blocks);
    const int64_t weights =
        points() * weight_.inputs *
        std::min(divide_up(column_blocks(), parts) * kWinogradColumns, weight_.outputs);
    const int64_t multiply_adds =
        weights * (tiles + fetching) + tiles * kTransformMultiplyAdds * source_columns();
    if (multiply_adds < least) {
      least = multiply_adds;
      best = {blocks, parts};
    }
  }
  return best;
}

int64_t WinogradConvolution::planes_floats(int64_t tiles) const {
  return winograd_planes_floats(points(), tiles, source_columns());
}

int64_t WinogradConvolution::products_floats(int64_t tiles, int64_t columns) const {
  return winograd_products_floats(points(), tiles, columns);
}

int64_t WinogradConvolution::panels_floats() const {
  const int64_t inputs = std::min(weight_.inputs, inputs_at_once(points()));
  return large_weights_ ? winograd_weight_floats(points(), inputs, kWinogradColumns) : 0;
}

int64_t WinogradConvolution::scratch_floats(int threads) const {
  if (large_weights_) {
    const int64_t tiles = std::min(tiles_, most_tiles_by_columns_);
    return planes_floats(tiles) +
           threads * (products_floats(tiles, kWinogradColumns) + panels_floats());
  }
  const int64_t tiles = std::min(tiles_, most_tiles_);
  return threads * (planes_floats(tiles) + products_floats(tiles, shape_.target_channels));
}

// Calls finish(products, tiles, columns) for all tiles and columns.
template <class Finish>
void WinogradConvolution::run_tiles(const float* source, const float* weight,
                                    const float* transformed, int threads, float* scratch,
                                    const Finish& finish) const {
  if (tiles_ == 0) return;
  if (!large_weights_) return run_blocks(source, transformed, threads, scratch, finish);
  const int64_t parts = divide_up(tiles_, most_tiles_by_columns_);
  for (int64_t i = 0; i < parts; ++i) {
    const int64_t first = tiles_ * i / parts;
    run_columns(source, weight, transformed, threads, {first, tiles_ * (i + 1) / parts - first},
                scratch, finish);
  }
}

template <class Finish>
void WinogradConvolution::run_blocks(const float* source, const float* transformed, int threads,
                                     float* scratch, const Finish& finish) const {
  const WinogradKernels& kernels = winograd_kernels(tile_);
  const Division shares = division(threads);
  const int64_t blocks = shares.tile_blocks, parts = shares.column_parts;
  const int64_t most = std::min(tiles_, most_tiles_), outputs = shape_.target_channels;
  const int64_t slot_floats = planes_floats(most) + products_floats(most, outputs);
  const int64_t multiply_adds = divide_up(tiles_, blocks) * tile_multiply_adds() / parts;
  const int64_t grain = kGrainMultiplyAdds / std::max<int64_t>(1, multiply_adds) + 1;
  runtime::parallel_for(threads, blocks * parts, grain, [&](int64_t begin, int64_t end, int slot) {
    float* const slot_scratch = scratch + slot * slot_floats;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t block = i / parts, part = i % parts;
      const int64_t first = tiles_ * block / blocks, count = tiles_ * (block + 1) / blocks - first;
      const WinogradColumns columns = {
          column_blocks() * part / parts * kWinogradColumns,
          part + 1 == parts ? outputs : column_blocks() * (part + 1) / parts * kWinogradColumns};
      const WinogradPlanes planes = winograd_planes(slot_scratch, count, source_columns());
      const WinogradPlanes products =
          winograd_planes(slot_scratch + planes_floats(most), count, columns.count());
      transform_parts(tile_, shape_, source, {first, count}, planes);
      for (int64_t group = 0; group < shape_.groups; ++group) {
        const int64_t group_columns = columns.count() / shape_.groups;
        kernels.multiply(planes.at(0, group * weight_.inputs), count, inputs_,
                         {transformed + group * group_floats() +
                              kernels.panels_offset(weight_.inputs, columns.first),
                          group_floats() <= kCachedFloats},
                         group_columns, true, products.at(0, group * group_columns));
      }
      finish(products, WinogradTiles{first, count}, columns);
    }
  });
}

// Threads share the transforms of the tiles first, then groups of columns. With too few groups for
// an even division they share parts of the tiles too.
template <class Finish>
void WinogradConvolution::run_columns(const float* source, const float* weight,
                                      const float* transformed, int threads, WinogradTiles tiles,
                                      float* scratch, const Finish& finish) const {
  const WinogradPlanes planes = winograd_planes(scratch, tiles.count, source_columns());
  transform_tiles(tile_, shape_, source, tiles, threads, planes);
  const int most_parts = divides_unevenly(column_blocks(), threads) ? threads : 1;
  const int64_t parts = std::clamp<int64_t>(tiles.count / kLeastTiles, 1, most_parts);
  const int64_t most = divide_up(tiles.count, parts);
  const int64_t slot_floats = products_floats(most, kWinogradColumns) + panels_floats();
  float* const slots = scratch + planes_floats(tiles.count);
  const int64_t share_multiply_adds = most * tile_multiply_adds() / column_blocks();
  const int64_t grain = kGrainMultiplyAdds / std::max<int64_t>(1, share_multiply_adds) + 1;
  runtime::parallel_for(
      threads, column_blocks() * parts, grain, [&](int64_t begin, int64_t end, int slot) {
        float* const panels = slots + slot * slot_floats;
        for (int64_t i = begin; i < end; ++i) {
          const int64_t column = i / parts * kWinogradColumns, part = i % parts;
          const int64_t first = tiles.count * part / parts;
          const int64_t count = tiles.count * (part + 1) / parts - first;
          const WinogradColumns columns = {
              column, std::min(shape_.target_channels, column + kWinogradColumns)};
          const WinogradPlanes products =
              winograd_planes(panels + panels_floats(), count, columns.count());
          multiply_columns(planes.at(first, 0), count, weight, transformed, columns, panels,
                           products);
          finish(products, WinogradTiles{tiles.first + first, count}, columns);
        }
      });
}

// Without transformed weights, transforms those of some inputs at a time into `panels`.
void WinogradConvolution::multiply_columns(const WinogradPlanes& planes, int64_t tiles,
                                           const float* weight, const float* transformed,
                                           WinogradColumns columns, float* panels,
                                           const WinogradPlanes& products) const {
  const WinogradKernels& kernels = winograd_kernels(tile_);
  const int64_t inputs = weight_.inputs;
  if (transformed) {
    const int64_t offset = kernels.panels_offset(inputs, columns.first);
    kernels.multiply(planes, tiles, inputs_, {transformed + offset, false}, columns.count(), true,
                     products);
    return;
  }
  const int64_t parts = divide_up(inputs, inputs_at_once(points()));
  for (int64_t i = 0; i < parts; ++i) {
    const int64_t first = inputs * i / parts, count = inputs * (i + 1) / parts - first;
    WinogradWeight part = weight_;
    part.inputs = count;
    kernels.transform_weight(part, winograd_part(tile_, 0, count), weight + first * weight_.k_step,
                             0, count, columns, panels);
    kernels.multiply(planes.at(0, first), tiles, WinogradInputs::all(count), {panels, true},
                     columns.count(), i == 0, products);
  }
}

void WinogradConvolution::run(const float* source, const float* weight, const float* transformed,
                              const Epilogue& epilogue, int threads, float* scratch,
                              float* target) const {
  const WinogradKernels& kernels = winograd_kernels(tile_);
  const ForwardEpilogue of_output = epilogue.of_output();
  const GradientEpilogue of_gradient = epilogue.of_gradient();
  const bool makes_gradient = epilogue.makes_gradient();
  run_tiles(source, weight, transformed, threads, scratch,
            [&](const WinogradPlanes& products, WinogradTiles tiles, WinogradColumns columns) {
              if (makes_gradient) {
                kernels.put_gradient(shape_, products, tiles, columns, of_gradient, target);
              } else {
                kernels.put_output(shape_, products, tiles, columns, of_output, target);
              }
            });
}

}  // namespace

std::unique_ptr<const Conv2dPass> make_winograd_pass(const Conv2dGeometry& geometry,
                                                     int64_t outputs, PassDirection direction) {
  return std::make_unique<WinogradConvolution>(geometry, winograd_tile(geometry, outputs),
                                               direction);
}

}  // namespace cnnx::ops
