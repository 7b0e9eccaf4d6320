// The input gradient of a depthwise convolution with stride 2: both phases of its columns at once.
#include "kernels/conv2d_depthwise.h"

namespace {
using DepthwiseElement = float;
}  // namespace

#include "kernels/conv2d_depthwise_tile.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// Outputs 2q and 2q + 1 read the same pixels, with windows of kEven and kOdd taps, the second
// kShift pixels to the right of the first. A tile of kCount of both loads each pixel once, and
// writes lines side by side. The sums are those of one phase after the other.
template <int kEven, int kOdd, int kShift, int kCount>
void convolve_tile(const Pass& even, const Pass& odd, const Outputs& outputs) {
  constexpr int kWidth = kEven > kShift + kOdd ? kEven : kShift + kOdd, kSpan = kCount - 1 + kWidth;
  const Places places(even, outputs), odd_places(odd, outputs);
  const int64_t left = even.horizontal.origin + outputs.q;
  const int64_t inside_first = -left, inside_last = even.width - left;
  VectorsOfLongBody::for_each(places.channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
    Vector sum[1][kCount], odd_sum[1][kCount];
    fetch_target<1, kCount>(places, channel);
    fetch_target<1, kCount>(odd_places, channel);
    start(even, places, channel, lanes, sum);
    start(odd, odd_places, channel, lanes, odd_sum);
    for (int64_t u = outputs.source_rows.first; u < outputs.source_rows.last; ++u) {
      const Element* source = places.source + u * places.source_row + channel;
      const auto weight_of = [&](const Places& of, int v) CNNX_INLINED {
        return lanes.load(of.weight + u * of.tap_row + v * of.tap_column + channel);
      };
      Vector weight[kEven], odd_weight[kOdd];
      CNNX_UNROLL for (int v = 0; v < kEven; ++v) weight[v] = weight_of(places, v);
      CNNX_UNROLL for (int v = 0; v < kOdd; ++v) odd_weight[v] = weight_of(odd_places, v);
      CNNX_UNROLL for (int j = 0; j < kSpan; ++j, source += places.channels) {
        const bool outside =
            (j < kWidth - 1 && j < inside_first) || (j > kSpan - kWidth && j >= inside_last);
        const Vector value = held(lanes.load(outside ? kZeros : source));
        CNNX_UNROLL for (int v = 0; v < kEven; ++v) {
          const int i = j - v;
          if (i >= 0 && i < kCount) sum[0][i] = fused_multiply_add(value, weight[v], sum[0][i]);
        }
        CNNX_UNROLL for (int v = 0; v < kOdd; ++v) {
          const int i = j - kShift - v;
          if (i < 0 || i >= kCount) continue;
          odd_sum[0][i] = fused_multiply_add(value, odd_weight[v], odd_sum[0][i]);
        }
      }
    }
    finish(even, places, channel, lanes, sum);
    finish(odd, odd_places, channel, lanes, odd_sum);
  });
}

// `wide` computes kWide columns of each phase, as many as have their sums in registers.
#if defined(CNNX_32_REGISTERS)
constexpr int kWide = 8;
#else
constexpr int kWide = 4;
#endif
using Tile = void (*)(const Pass&, const Pass&, const Outputs&);
struct Tiles {
  int64_t even, odd, shift;
  Tile wide, two, one;
};
template <int kEven, int kOdd, int kShift>
constexpr Tiles tiles() {
  return {kEven,
          kOdd,
          kShift,
          convolve_tile<kEven, kOdd, kShift, kWide>,
          convolve_tile<kEven, kOdd, kShift, 2>,
          convolve_tile<kEven, kOdd, kShift, 1>};
}
// 3x3 kernels with padding 1, and without padding.
constexpr Tiles kTiles[] = {tiles<1, 2, 0>(), tiles<2, 1, 1>()};

// Null if there are no tiles for the phases.
const Tiles* tiles_of(const Pass& even, const Pass& odd) {
  if (!slides(even.horizontal, even.columns, even.width)) return nullptr;
  if (!slides(odd.horizontal, odd.columns, odd.width)) return nullptr;
  const int64_t shift = odd.horizontal.origin - even.horizontal.origin;
  for (const Tiles& each : kTiles) {
    const bool fits = each.even == even.horizontal.taps && each.odd == odd.horizontal.taps;
    if (fits && each.shift == shift) return &each;
  }
  return nullptr;
}

int64_t convolve(const Pass& even, const Pass& odd, int64_t first, int64_t last) {
  const Tiles* tiles = tiles_of(even, odd);
  if (!tiles) return 0;
  const int64_t columns = even.columns < odd.columns ? even.columns : odd.columns;
  for (int64_t row = first; row < last; ++row) {
    const Range source_rows = places_inside(even.vertical.origin + row, even.vertical.dilation,
                                            even.vertical.taps, even.height);
    Outputs outputs = {row, 0, source_rows, {}};
    const auto cover = [&](Tile tile, int64_t count) {
      for (; outputs.q + count <= columns; outputs.q += count) tile(even, odd, outputs);
    };
    cover(tiles->wide, kWide);
    cover(tiles->two, 2);
    cover(tiles->one, 1);
  }
  return columns;
}

}  // namespace

const DepthwisePhasesKernels depthwise_phases_kernels = {convolve};

}  // namespace CNNX_ISA
}  // namespace cnnx
