// Winograd's weight gradient: transforms tiles of the output's gradient, multiplies them with those
// of the input, and transforms the sums back to taps.
#include "kernels/conv2d_winograd_weight.h"

#include "kernels/bias_gradient.h"
#include "kernels/conv2d_winograd_tiles.h"
#include "kernels/tile.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

template <class Lines>
void transform_gradient(const WinogradShape& s, const float* gradient, WinogradTiles tiles,
                        WinogradColumns columns, const WinogradPlanes& planes, float* bias_sums) {
  constexpr int64_t kOutputs = Lines::kOutputs;
  const int64_t chain_floats = bias_sums_floats(s.target_channels) / kBiasChains;
  const WinogradImage image = {s.target_height, s.target_width, s.target_channels, s.dilation};
  TilePlace place(s, kOutputs, tiles.first);
  for (int64_t t = 0; t < tiles.count; ++t, place.advance()) {
    float* chain = bias_sums;
    if (chain) chain += (tiles.first + t) % kBiasChains * chain_floats + columns.first;
    const float* image_gradient = gradient + place.image * image.floats();
    const int64_t row = place.first_row(), column = place.first_column();
    if (s.fetches) fetch_ahead(image, image_gradient, row + kOutputs, column, kOutputs);
    transform_tile<GradientTransform<Lines>>(
        image, image_gradient + columns.first, row, column, columns.count(), planes.at(t, 0).data,
        planes.plane_floats, [&](int64_t channel, Vector sum, auto lanes) CNNX_INLINED {
          if (chain) lanes.store(chain + channel, lanes.load(chain + channel) + sum);
        });
  }
}

// With divided chains each block of tiles has its own, which are added to the sums.
template <int kSide>
void add_products(int64_t tiles, const WinogradInputs& inputs, int64_t columns,
                  const WinogradPlanes& input_planes, const WinogradPlanes& gradient_planes,
                  bool fresh, const WinogradPlanes& sums) {
  constexpr int64_t kPoints = kSide * kSide;
  OuterSum outer = {};
  outer.images = outer.rows = outer.taps = 1;
  outer.pixels = tiles;
  outer.pixel_step = input_planes.row_floats;
  outer.gradient_pixel_step = gradient_planes.row_floats;
  constexpr bool kNewChains = winograd_divides_chains(kPoints);
  outer.fresh = fresh || kNewChains;
  outer.adds = kNewChains && !fresh;
  outer.sums_step = sums.row_floats;
  for (int64_t point = 0; point < kPoints; ++point) {
    const WinogradInputs::Range& range = inputs.at(point, kSide);
    outer.run = range.count();
    outer.input = input_planes.data + point * input_planes.plane_floats + range.first;
    const float* gradient = gradient_planes.data + point * gradient_planes.plane_floats;
    float* plane = sums.data + point * sums.plane_floats + range.first * sums.row_floats;
    for (int64_t b = 0; b < block_count(columns); ++b) {
      const ColumnBlock block = column_block(columns, b);
      outer.gradient = gradient + block.begin;
      outer.sums = plane + block.begin;
      outer.columns = with_padding(block);
      outer.width = block.width;
      add_outer_products(outer);
    }
  }
}

template <class Lines>
void reduce(const WinogradShape& s, const WinogradSums& sums, int64_t first, int64_t last,
            WinogradColumns columns, bool accumulate, float* target) {
  constexpr int kTaps = Lines::kTaps, kPoints = Lines::kPoints;
  const int64_t inputs = s.group_inputs(), outputs = s.target_channels;
  for (int64_t k = first; k < last; ++k) {
    for_channel_vectors(columns.count(), [&](int64_t column, auto lanes) CNNX_INLINED {
      Vector half[kTaps][kPoints];
      CNNX_UNROLL for (int j = 0; j < kPoints; ++j) {
        Vector line[kPoints], values[kTaps];
        CNNX_UNROLL for (int i = 0; i < kPoints; ++i) {
          const float* sum =
              sums.planes.at(k - first, column).data + (i * kPoints + j) * sums.planes.plane_floats;
          line[i] = load(sum);
          for (int64_t c = 1; c < sums.chunks; ++c) line[i] += load(sum + c * sums.chunk_floats);
        }
        Lines::weight_gradient(line, values);
        CNNX_UNROLL for (int i = 0; i < kTaps; ++i) half[i][j] = values[i];
      }
      CNNX_UNROLL for (int i = 0; i < kTaps; ++i) {
        Vector values[kTaps];
        Lines::weight_gradient(half[i], values);
        CNNX_UNROLL for (int j = 0; j < kTaps; ++j) {
          if (!sums.part.contains(i, j)) break;
          float* tap =
              target + (sums.part.tap(i, j) * inputs + k) * outputs + columns.first + column;
          lanes.store(tap, accumulate ? lanes.load(tap) + values[j] : values[j]);
        }
      }
    });
  }
}

template <class Lines>
constexpr WinogradWeightKernels kernels_of() {
  return {transform_gradient<Lines>, add_products<Lines::kPoints>, reduce<Lines>,
          reduce_bias_gradient};
}

}  // namespace

const WinogradWeightKernels winograd2_weight_kernels = kernels_of<Lines2>();
const WinogradWeightKernels winograd4_weight_kernels = kernels_of<Lines4>();
const WinogradWeightKernels winograd2_of_5_weight_kernels = kernels_of<Lines2Of5>();
const WinogradWeightKernels winograd4_of_2_weight_kernels = kernels_of<Lines4Of2>();
const WinogradWeightKernels winograd4_of_4_weight_kernels = kernels_of<Lines4Of4>();

}  // namespace CNNX_ISA
}  // namespace cnnx
