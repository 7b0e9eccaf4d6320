// Winograd's weight and bias gradients: sums over chunks of the batch's tiles, and the sum of the
// chunks.
#include <algorithm>
#include <memory>

#include "kernels/bias_gradient.h"
#include "kernels/conv2d_winograd_weight.h"
#include "ops/conv2d_winograd.h"
#include "ops/shares.h"
#include "runtime/memory.h"
#include "runtime/parallel.h"

namespace cnnx::ops {
namespace {

// Chains begin where chunks do, so the number of chunks depends on shapes alone. It is a power of
// two, which many numbers of threads divide evenly, and at most eight, or 64 with 4x4 taps, whose
// long sums round twice as much. A chunk has at least 128 tiles, where its sums cost a tenth of
// its products. All sums together take at most 64 MB.
int64_t chunk_count(const WinogradTile& tile, int64_t tiles, int64_t chunk_floats) {
  constexpr int64_t kLeastTilesOfChunk = 128, kMostFloats = 16 * 1024 * 1024;
  const int64_t most = tile.taps == 4 ? 64 : 8;
  int64_t count = 1;
  while (2 * count <= most && 2 * count * kLeastTilesOfChunk <= tiles &&
         2 * count * chunk_floats <= kMostFloats) {
    count *= 2;
  }
  return count;
}

// Tiles whose products are added to the sums at once. With more tiles the sums go through memory
// less often, which matters most where sums are many. The best of 14 to 256, within some percent.
int64_t tiles_at_once(const WinogradTile& tile, const WinogradShape& shape) {
  constexpr int64_t kManyChannels = 256;  // in and out
  // Their inputs fill a second-level cache, and chains of 4x4 taps end with a block.
  if (tile.parts() > 1) return 28;
  const bool many = shape.source_channels + shape.target_channels >= kManyChannels;
  return many && shape.groups == 1 ? 128 : 56;
}

// Sums that exceed a second-level cache.
constexpr int64_t kLargeSums = 2 * 1024 * 1024;

// Weight and bias gradients, as sums over chunks of the batch's tiles that are added up at the end.
// Sums larger than a cache, of few tiles, are computed a few columns at a time and never stored.
class WinogradWeightGradient final : public Conv2dWeightGradient {
 public:
  WinogradWeightGradient(const Conv2dGeometry& geometry, WinogradTile tile);

  int64_t scratch_floats(int threads) const override;
  void run(const WeightGradientArguments& arguments) const override;

 private:
  // Some of the columns of one chunk's sums.
  struct Share {
    int64_t chunk;
    WinogradColumns columns;
    float* slot;
  };

  int64_t points() const { return tile_.points(); }
  // The most parts of the columns for threads: groups of channels stay together.
  int64_t column_blocks() const {
    return shape_.groups > 1 ? 1 : divide_up(shape_.target_channels, kWinogradColumns);
  }
  // A group's inputs of all parts.
  int64_t sums_inputs() const { return tile_.parts() * shape_.group_inputs(); }
  int64_t sums_floats() const;
  int64_t chunk_floats() const;
  int64_t input_floats() const;
  int64_t slot_floats() const;
  int64_t column_sums_floats() const;
  const WinogradWeightKernels& kernels(const GradientKernels& all) const {
    if (tile_.taps == 2) return *all.winograd4_of_2;
    if (tile_.taps == 4) return *all.winograd4_of_4;
    if (tile_.taps == 5) return *all.winograd2_of_5;
    return tile_.outputs == 4 ? *all.winograd4 : *all.winograd2;
  }
  void run_columns(const WeightGradientArguments& a) const;
  void run_chunks(const WeightGradientArguments& a) const;
  void run_share(const WeightGradientArguments& a, const Share& share) const;

  WinogradTile tile_;
  WinogradShape shape_;
  int64_t tiles_;  // of the whole batch
  int64_t chunks_;
  int64_t most_tiles_;  // in a block
  bool by_columns_;
};

WinogradWeightGradient::WinogradWeightGradient(const Conv2dGeometry& g, WinogradTile tile)
    : tile_(tile), shape_{g.in_height, g.in_width,      g.in_channels, -g.top,
                          -g.left,     g.out_height,    g.out_width,   g.out_channels,
                          g.groups,    leaves_cache(g), tile.stride,   g.dilation.height} {
  tiles_ = g.batch * winograd_tile_count(g.out_height, g.out_width, tile.outputs, shape_.dilation);
  chunks_ = chunk_count(tile, tiles_, chunk_floats());
  most_tiles_ = tiles_at_once(tile, shape_);
  by_columns_ = g.groups == 1 && tile.parts() == 1 && chunks_ == 1 && sums_floats() > kLargeSums &&
                winograd_planes_floats(points(), tiles_, shape_.source_channels) <= kPlanesFloats;
}

int64_t WinogradWeightGradient::sums_floats() const {
  return winograd_planes_floats(points(), sums_inputs(), shape_.target_channels);
}

int64_t WinogradWeightGradient::chunk_floats() const {
  return sums_floats() + bias_sums_floats(shape_.target_channels);
}

int64_t WinogradWeightGradient::input_floats() const {
  return winograd_planes_floats(points(), std::min(tiles_, most_tiles_),
                                winograd_source_columns(tile_, shape_.source_channels));
}

int64_t WinogradWeightGradient::slot_floats() const {
  return input_floats() +
         winograd_planes_floats(points(), std::min(tiles_, most_tiles_), shape_.target_channels);
}

// Of some inputs and a group of columns, and the gradient of these at all tiles.
int64_t WinogradWeightGradient::column_sums_floats() const {
  return winograd_planes_floats(points(), inputs_at_once(points()), kWinogradColumns) +
         winograd_planes_floats(points(), tiles_, kWinogradColumns);
}

int64_t WinogradWeightGradient::scratch_floats(int threads) const {
  if (by_columns_) {
    return bias_sums_floats(shape_.target_channels) +
           winograd_planes_floats(points(), tiles_, shape_.source_channels) +
           threads * column_sums_floats();
  }
  return chunks_ * chunk_floats() + threads * slot_floats();
}

void WinogradWeightGradient::run_share(const WeightGradientArguments& a, const Share& share) const {
  const WinogradWeightKernels& kernel = kernels(*a.kernels);
  const WinogradColumns columns = share.columns;
  const WinogradInputs inputs = winograd_inputs(tile_, shape_.group_inputs());
  float* const sums = a.scratch + share.chunk * chunk_floats();
  const WinogradPlanes all_sums = winograd_planes(sums, inputs.count(), shape_.target_channels);
  const int64_t begin = tiles_ * share.chunk / chunks_;
  const int64_t count = tiles_ * (share.chunk + 1) / chunks_ - begin;
  const int64_t blocks = divide_up(count, most_tiles_);
  for (int64_t i = 0; i < blocks; ++i) {
    const int64_t first = begin + count * i / blocks, last = begin + count * (i + 1) / blocks;
    const WinogradTiles tiles = {first, last - first};
    const WinogradPlanes input_planes = winograd_planes(
        share.slot, tiles.count, winograd_source_columns(tile_, shape_.source_channels));
    const WinogradPlanes gradient_planes =
        winograd_planes(share.slot + input_floats(), tiles.count, columns.count());
    kernel.transform_gradient(shape_, a.grad_output, tiles, columns, gradient_planes,
                              a.grad_bias ? sums + sums_floats() : nullptr);
    if (!a.grad_weight) continue;
    transform_parts(tile_, shape_, a.x, tiles, input_planes);
    const int64_t group_columns = columns.count() / shape_.groups;
    for (int64_t group = 0; group < shape_.groups; ++group) {
      kernel.add_products(tiles.count, inputs, group_columns,
                          input_planes.at(0, group * inputs.count()),
                          gradient_planes.at(0, group * group_columns), i == 0,
                          all_sums.at(0, columns.first + group * group_columns));
    }
  }
}

// Threads divide the groups of columns. Scratch begins with the sums of the bias.
void WinogradWeightGradient::run_columns(const WeightGradientArguments& a) const {
  const WinogradWeightKernels& kernel = kernels(*a.kernels);
  const int64_t inputs = shape_.source_channels, outputs = shape_.target_channels;
  if (a.grad_bias) std::fill_n(a.scratch, bias_sums_floats(outputs), 0.0f);
  const WinogradPlanes planes =
      winograd_planes(a.scratch + bias_sums_floats(outputs), tiles_, inputs);
  if (a.grad_weight) transform_tiles(tile_, shape_, a.x, {0, tiles_}, a.threads, planes);
  float* const slots = planes.data + winograd_planes_floats(points(), tiles_, inputs);
  const int64_t sums_inputs = inputs_at_once(points()), parts = divide_up(inputs, sums_inputs);
  runtime::parallel_for(a.threads, column_blocks(), 1, [&](int64_t begin, int64_t end, int slot) {
    float* const slot_scratch = slots + slot * column_sums_floats();
    for (int64_t group = begin; group < end; ++group) {
      const int64_t column = group * kWinogradColumns;
      const WinogradColumns columns = {column, std::min(outputs, column + kWinogradColumns)};
      const WinogradPlanes gradient = winograd_planes(slot_scratch, tiles_, columns.count());
      kernel.transform_gradient(shape_, a.grad_output, {0, tiles_}, columns, gradient,
                                a.grad_bias ? a.scratch : nullptr);
      if (!a.grad_weight) continue;
      float* const sums = slot_scratch + winograd_planes_floats(points(), tiles_, kWinogradColumns);
      for (int64_t i = 0; i < parts; ++i) {
        const int64_t first = inputs * i / parts, last = inputs * (i + 1) / parts;
        const WinogradPlanes part = winograd_planes(sums, last - first, columns.count());
        kernel.add_products(tiles_, WinogradInputs::all(last - first), columns.count(),
                            planes.at(0, first), gradient, true, part);
        kernel.reduce(shape_, {winograd_part(tile_, 0, inputs), part, 1, 0}, first, last, columns,
                      a.accumulate, a.grad_weight);
      }
    }
  });
  if (a.grad_bias) {
    kernel.reduce_bias_gradient(a.scratch, 1, 0, outputs, a.accumulate, a.grad_bias);
  }
}

// More threads than chunks divide each chunk's columns among them.
void WinogradWeightGradient::run_chunks(const WeightGradientArguments& a) const {
  const WinogradWeightKernels& kernel = kernels(*a.kernels);
  const int64_t inputs = shape_.group_inputs(), outputs = shape_.target_channels;
  if (a.grad_bias) {
    for (int64_t chunk = 0; chunk < chunks_; ++chunk) {
      std::fill_n(a.scratch + chunk * chunk_floats() + sums_floats(), bias_sums_floats(outputs),
                  0.0f);
    }
  }
  float* const slots = a.scratch + chunks_ * chunk_floats();
  const int64_t parts = std::clamp<int64_t>(divide_up(a.threads, chunks_), 1, column_blocks());
  const int64_t multiply_adds = tiles_ / chunks_ * points() * sums_inputs() * outputs / parts;
  const int64_t grain = kGrainMultiplyAdds / std::max<int64_t>(1, multiply_adds) + 1;
  runtime::parallel_for(
      a.threads, chunks_ * parts, grain, [&](int64_t begin, int64_t end, int slot) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t part = i % parts, first = column_blocks() * part / parts;
          const int64_t last = column_blocks() * (part + 1) / parts;
          run_share(
              a, {i / parts,
                  {first * kWinogradColumns, part + 1 == parts ? outputs : last * kWinogradColumns},
                  slots + slot * slot_floats()});
        }
      });
  if (a.grad_weight) {
    const int64_t kernel_parts = tile_.parts();
    const int64_t grain_inputs =
        runtime::kGrainElements / (kernel_parts * chunks_ * points() * outputs) + 1;
    const WinogradPlanes all_sums = winograd_planes(a.scratch, sums_inputs(), outputs);
    runtime::parallel_for(a.threads, inputs, grain_inputs, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = 0; i < kernel_parts; ++i) {
        const WinogradPart part = winograd_part(tile_, i, inputs);
        const WinogradPlanes sums = all_sums.at(part.first_input + begin, 0);
        kernel.reduce(shape_, {part, sums, chunks_, chunk_floats()}, begin, end, {0, outputs},
                      a.accumulate, a.grad_weight);
      }
    });
  }
  if (a.grad_bias) {
    kernel.reduce_bias_gradient(a.scratch + sums_floats(), chunks_, chunk_floats(), outputs,
                                a.accumulate, a.grad_bias);
  }
}

void WinogradWeightGradient::run(const WeightGradientArguments& a) const {
  if (tiles_ == 0) {
    const int64_t taps = tile_.kernel_side * tile_.kernel_side;
    const int64_t inputs = shape_.group_inputs(), outputs = shape_.target_channels;
    if (a.grad_weight && !a.accumulate) std::fill_n(a.grad_weight, taps * inputs * outputs, 0.0f);
    if (a.grad_bias && !a.accumulate) std::fill_n(a.grad_bias, outputs, 0.0f);
  } else if (by_columns_) {
    run_columns(a);
  } else {
    run_chunks(a);
  }
}

}  // namespace

std::unique_ptr<const Conv2dWeightGradient> make_winograd_weight_gradient(
    const Conv2dGeometry& geometry, int64_t outputs) {
  return std::make_unique<WinogradWeightGradient>(geometry, winograd_tile(geometry, outputs));
}

}  // namespace cnnx::ops
