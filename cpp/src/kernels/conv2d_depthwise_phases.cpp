// The input gradient of a depthwise convolution with stride 2: both phases of its columns at once.
#include "kernels/conv2d_depthwise.h"

namespace {
using DepthwiseElement = float;
}  // namespace

#include "kernels/conv2d_depthwise_tile.h"
#include "kernels/split.h"

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
  // Of the next tile. The columns of both phases lie side by side.
  Element* const next = (places.target < odd_places.target ? places.target : odd_places.target) +
                        2 * kCount * places.channels;
  VectorsOfLongBody::for_each(places.channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
    Vector sum[1][kCount], odd_sum[1][kCount];
    // A part of what will be written, in the order of memory.
    constexpr int kLines = 2 * kCount * kLanes / kCacheLine<Element>;
    CNNX_UNROLL for (int i = 0; i < kLines; ++i)
        __builtin_prefetch(next + 2 * kCount * channel + i * kCacheLine<Element>, 1, 3);
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

// `of` is indexed by the number of columns of each phase minus one: up to as many as have their
// sums in registers.
#if defined(CNNX_32_REGISTERS)
constexpr int kMostColumns = 8;
#else
constexpr int kMostColumns = 4;
#endif
using Tile = void (*)(const Pass&, const Pass&, const Outputs&);
struct Tiles {
  int64_t even, odd, shift;
  Tile of[kMostColumns];
};
template <int kEven, int kOdd, int kShift, int... kCount>
constexpr Tiles tiles_of_columns() {
  return {kEven, kOdd, kShift, {convolve_tile<kEven, kOdd, kShift, kCount>...}};
}
template <int kEven, int kOdd, int kShift>
constexpr Tiles tiles() {
#if defined(CNNX_32_REGISTERS)
  return tiles_of_columns<kEven, kOdd, kShift, 1, 2, 3, 4, 5, 6, 7, 8>();
#else
  return tiles_of_columns<kEven, kOdd, kShift, 1, 2, 3, 4>();
#endif
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
  const Split tiled = split(columns, kMostColumns);
  for (int64_t row = first; row < last; ++row) {
    const Range source_rows = places_inside(even.vertical.origin + row, even.vertical.dilation,
                                            even.vertical.taps, even.height);
    int64_t q = 0;
    for (int64_t t = 0; t < tiled.tiles; ++t) {
      const int64_t count = tiled.items(t);
      tiles->of[count - 1](even, odd, {row, q, source_rows, {}});
      q += count;
    }
  }
  return columns;
}

}  // namespace

const DepthwisePhasesKernels depthwise_phases_kernels = {convolve};

}  // namespace CNNX_ISA
}  // namespace cnnx
