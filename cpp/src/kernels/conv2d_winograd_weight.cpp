// Winograd's weight gradient: tiles out of the output's gradient, their products with those of the
// input, and the transform of the sums back to taps.
#include "kernels/conv2d_winograd_weight.h"

#include "kernels/bias_gradient.h"
#include "kernels/conv2d_winograd_tiles.h"
#include "kernels/tile.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

template <class Lines>
void transform_gradient(const WinogradShape& s, const float* gradient, WinogradTiles tiles,
                        WinogradColumns columns, float* planes, float* bias_sums) {
  constexpr int64_t kOutputs = Lines::kOutputs;
  const int64_t count = columns.last - columns.first;
  const int64_t row_floats = winograd_row_floats(count);
  const int64_t plane_floats = winograd_plane_floats(tiles.count, count);
  const int64_t chain_floats = bias_sums_floats(s.target_channels) / kBiasChains;
  const WinogradPicture picture = {s.target_height, s.target_width, s.target_channels};
  TilePlace place(s, kOutputs, tiles.first);
  for (int64_t t = 0; t < tiles.count; ++t, place.advance()) {
    float* chain = bias_sums;
    if (chain) chain += (tiles.first + t) % kBiasChains * chain_floats + columns.first;
    const float* picture_gradient = gradient + place.picture * picture.floats();
    const int64_t row = place.row * kOutputs, column = place.column * kOutputs;
    fetch_ahead<kOutputs>(picture, picture_gradient, row + kOutputs, column);
    transform_tile<GradientTransform<Lines>>(
        picture, picture_gradient + columns.first, row, column, count, planes + t * row_floats,
        plane_floats, [&](int64_t channel, Vector sum, auto lanes) CNNX_INLINED {
          if (chain) lanes.store(chain + channel, lanes.load(chain + channel) + sum);
        });
  }
}

template <class Lines>
void add_products(const WinogradShape& s, int64_t tiles, WinogradColumns columns,
                  const float* input_planes, const float* gradient_planes, bool fresh,
                  float* sums) {
  constexpr int64_t kPoints = Lines::kPoints * Lines::kPoints;
  const int64_t inputs = s.source_channels, count = columns.last - columns.first;
  OuterSum outer = {};
  outer.pictures = outer.rows = outer.taps = 1;
  outer.pixels = tiles;
  outer.pixel_step = winograd_row_floats(inputs);
  outer.run = inputs;
  outer.gradient_pixel_step = winograd_row_floats(count);
  outer.fresh = fresh;
  outer.sums_step = winograd_row_floats(s.target_channels);
  for (int64_t point = 0; point < kPoints; ++point) {
    outer.input = input_planes + point * winograd_plane_floats(tiles, inputs);
    const float* gradient = gradient_planes + point * winograd_plane_floats(tiles, count);
    float* plane = sums + point * winograd_plane_floats(inputs, s.target_channels);
    for (int64_t b = columns.first / kBlockColumns; b < block_count(columns.last); ++b) {
      const ColumnBlock block = column_block(s.target_channels, b);
      outer.gradient = gradient + block.begin - columns.first;
      outer.sums = plane + block.begin;
      outer.columns = outer.width = block.width;
      add_outer_products(outer);
    }
  }
}

template <class Lines>
void reduce(const WinogradShape& s, const float* sums, int64_t chunks, int64_t chunk_floats,
            int64_t first, int64_t last, bool accumulate, float* target) {
  constexpr int kTaps = 3, kPoints = Lines::kPoints;
  const int64_t inputs = s.source_channels, outputs = s.target_channels;
  const int64_t row_floats = winograd_row_floats(outputs);
  const int64_t plane_floats = winograd_plane_floats(inputs, outputs);
  for (int64_t k = first; k < last; ++k) {
    for_channel_vectors(outputs, [&](int64_t column, auto lanes) CNNX_INLINED {
      Vector half[kTaps][kPoints];
      CNNX_UNROLL for (int j = 0; j < kPoints; ++j) {
        Vector line[kPoints], values[kTaps];
        CNNX_UNROLL for (int i = 0; i < kPoints; ++i) {
          const float* sum = sums + (i * kPoints + j) * plane_floats + k * row_floats + column;
          line[i] = load(sum);
          for (int64_t c = 1; c < chunks; ++c) line[i] += load(sum + c * chunk_floats);
        }
        Lines::weight_gradient(line, values);
        CNNX_UNROLL for (int i = 0; i < kTaps; ++i) half[i][j] = values[i];
      }
      CNNX_UNROLL for (int i = 0; i < kTaps; ++i) {
        Vector values[kTaps];
        Lines::weight_gradient(half[i], values);
        CNNX_UNROLL for (int j = 0; j < kTaps; ++j) {
          float* tap = target + ((i * kTaps + j) * inputs + k) * outputs + column;
          lanes.store(tap, accumulate ? lanes.load(tap) + values[j] : values[j]);
        }
      }
    });
  }
}

}  // namespace

const WinogradWeightKernels winograd2_weight_kernels = {
    transform_gradient<Lines2>, add_products<Lines2>, reduce<Lines2>, reduce_bias_gradient};
const WinogradWeightKernels winograd4_weight_kernels = {
    transform_gradient<Lines4>, add_products<Lines4>, reduce<Lines4>, reduce_bias_gradient};

}  // namespace CNNX_ISA
}  // namespace cnnx
