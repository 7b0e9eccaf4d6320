// The weight gradient of the depthwise convolution: a vector of channels of some taps at a time,
// each sum one chain over the outputs in row-major order. Images are of float32 or bfloat16.
#include "kernels/channel_lanes.h"
#include "kernels/conv2d_depthwise.h"
#include "kernels/conv2d_rows.h"
#include "kernels/split.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// Columns of the largest tile. The rest of a line is divided into tiles of nearly equal size. Every
// size takes long to compile: half of them are enough for bfloat16, and for the baseline of CPUs
// from before 2013.
#if defined(CNNX_HAS_FMA)
template <class Number>
constexpr int kMostColumns = sizeof(Number) == sizeof(float) ? 8 : 4;
#else
template <class Number>
constexpr int kMostColumns = 4;
#endif

template <class Number>
constexpr Number kZeros[kLanes] = {};

template <class Number>
using Gradient = DepthwiseGradientOf<Number>;

// Kernels 3 taps wide -----------------------------------------------------------------------------

// Outputs [q, q + kCount) of a row, and kHigh rows of taps from `tap_row` on, all inside.
struct Outputs {
  int64_t row, q, tap_row;
};

// A pointer that advances by some floats. Compilers would store every pixel's address in memory
// between vectors of channels instead of computing it.
template <class Float>
CNNX_INLINE void move(Float*& place, int64_t floats) {
  place += floats;
  asm("" : "+r"(place));
}

// A pixel is loaded once for all outputs of the tile that read it. Pixels beside the image are
// zeros. All channels of a tile follow each other, as in memory. The pixels that the tile below
// reads first are prefetched meanwhile: each pixel is used too few times to wait for memory.
template <class Number, int kStride, int kHigh, int kCount,
          class Vectors = typename TileVectorsOf<Number>::Type>
void add_tile(const Gradient<Number>& g, const Outputs& outputs) {
  constexpr int kWide = 3, kSpan = (kCount - 1) * kStride + kWide;
  const int64_t channels = g.channels, row_step = g.vertical.dilation * g.width * channels;
  const int64_t top =
      g.vertical.origin + outputs.row * g.vertical.stride + outputs.tap_row * g.vertical.dilation;
  const int64_t left = g.horizontal.origin + outputs.q * kStride;
  const int64_t inside_first = -left, inside_last = g.width - left;
  const Number* const source = g.source + (top * g.width + left) * channels;
  const Number* const gradient = g.gradient + (outputs.row * g.columns + outputs.q) * channels;
  float* const sums = g.sums + outputs.tap_row * kWide * channels;
  const int64_t pixels_below = g.vertical.stride * g.width * channels;
  const int64_t gradient_below = g.columns * channels;
  const int64_t first_fetched = kHigh > g.vertical.stride ? kHigh - g.vertical.stride : 0;
  Vectors::for_each(channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
    Vector sum[kHigh * kWide], grad[kCount];
    float* tap = sums;
    move(tap, channel);
    CNNX_UNROLL for (int k = 0; k < kHigh * kWide; ++k) {
      sum[k] = lanes.load(tap);
      move(tap, channels);
    }
    const Number *column = source, *output = gradient;
    move(column, channel);
    move(output, channel);
    CNNX_UNROLL for (int j = 0; j < kSpan; ++j) {
      if (j < kCount) {
        grad[j] = lanes.load(output);
        __builtin_prefetch(output + gradient_below, 0, 2);
        move(output, channels);
      }
      const bool outside =
          (j < kWide - 1 && j < inside_first) || (j > kSpan - kWide && j >= inside_last);
      const Number* pixel = column;
      CNNX_UNROLL for (int u = 0; u < kHigh; ++u) {
        if (u >= first_fetched) __builtin_prefetch(pixel + pixels_below, 0, 2);
        const Vector value = held(lanes.load(outside ? kZeros<Number> : pixel));
        move(pixel, row_step);
        CNNX_UNROLL for (int v = kWide - 1; v >= 0; --v) {
          const int distance = j - v, i = distance / kStride;
          if (distance >= 0 && distance % kStride == 0 && i < kCount) {
            sum[u * kWide + v] = fused_multiply_add(value, grad[i], sum[u * kWide + v]);
          }
        }
      }
      move(column, channels);
    }
    tap = sums;
    move(tap, channel);
    CNNX_UNROLL for (int k = 0; k < kHigh * kWide; ++k) {
      lanes.store(tap, sum[k]);
      move(tap, channels);
    }
  });
}

// `of` is indexed by the number of columns minus one. `rest` processes the remaining channels of
// one column; null where tiles leave none.
template <class Number>
using Tile = void (*)(const Gradient<Number>&, const Outputs&);
template <class Number>
struct Tiles {
  Tile<Number> of[kMostColumns<Number>];
  Tile<Number> rest;

  CNNX_INLINE void add(const Gradient<Number>& g, Outputs outputs, int64_t columns) const {
    of[columns - 1](g, outputs);
    if (!tiles_leave_rest<Number>(g.channels)) return;
    for (; columns > 0; --columns, ++outputs.q) rest(g, outputs);
  }
};
template <class Number, int kStride, int kHigh>
constexpr Tile<Number> rest_tile() {
  if constexpr (TileVectorsOf<Number>::kLeaveRest)
    return add_tile<Number, kStride, kHigh, 1, RestOfChannels>;
  return nullptr;
}
template <class Number, int kStride, int kHigh>
constexpr Tiles<Number> tiles() {
  if constexpr (kMostColumns<Number> == 4) {
    return {{add_tile<Number, kStride, kHigh, 1>, add_tile<Number, kStride, kHigh, 2>,
             add_tile<Number, kStride, kHigh, 3>, add_tile<Number, kStride, kHigh, 4>},
            rest_tile<Number, kStride, kHigh>()};
  } else {
    return {{add_tile<Number, kStride, kHigh, 1>, add_tile<Number, kStride, kHigh, 2>,
             add_tile<Number, kStride, kHigh, 3>, add_tile<Number, kStride, kHigh, 4>,
             add_tile<Number, kStride, kHigh, 5>, add_tile<Number, kStride, kHigh, 6>,
             add_tile<Number, kStride, kHigh, 7>, add_tile<Number, kStride, kHigh, 8>},
            rest_tile<Number, kStride, kHigh>()};
  }
}
// For strides 1 and 2, and for three rows of taps and one.
template <class Number>
constexpr Tiles<Number> kTiles[2][2] = {{tiles<Number, 1, 3>(), tiles<Number, 1, 1>()},
                                        {tiles<Number, 2, 3>(), tiles<Number, 2, 1>()}};

template <class Number>
bool fits_tiles(const Gradient<Number>& g) {
  const WindowAxis& h = g.horizontal;
  return h.taps == 3 && h.stride <= 2 && slides(h, g.columns, g.width);
}

template <class Number>
void add_tiles(const Gradient<Number>& g) {
  const Tiles<Number>(&tiles)[2] = kTiles<Number>[g.horizontal.stride - 1];
  const Split tiled = split(g.columns, kMostColumns<Number>);
  for (int64_t row = g.first; row < g.last; ++row) {
    const Range taps = taps_inside(g.vertical, row, g.height);
    int64_t q = 0;
    for (int64_t t = 0; t < tiled.tiles; ++t) {
      const int64_t columns = tiled.items(t);
      int64_t u = taps.first;
      for (; u + 3 <= taps.last; u += 3) tiles[0].add(g, {row, q, u}, columns);
      for (; u < taps.last; ++u) tiles[1].add(g, {row, q, u}, columns);
      q += columns;
    }
  }
}

// Small maps, 3x3 taps ----------------------------------------------------------------------------

#if defined(CNNX_32_REGISTERS)
constexpr int kMostMapColumns = 7;  // three rows of gradients and nine sums fill 32 registers
#else
constexpr int kMostMapColumns = 0;
#endif

// A source row and the gradients of the three output rows that read it, from the one whose first
// row of taps does; null for rows outside.
template <int kCount, class Number, class Lanes>
CNNX_INLINE void add_source_row(const Number* pixel, int64_t channels, int64_t inside_first,
                                int64_t inside_last, const Vector* const (&grads)[3], Lanes lanes,
                                Vector (&sum)[9]) {
  CNNX_UNROLL for (int j = 0; j < kCount + 2; ++j) {
    const bool outside = (j < 2 && j < inside_first) || (j >= kCount && j >= inside_last);
    const Vector value = held(lanes.load(outside ? kZeros<Number> : pixel));
    move(pixel, channels);
    CNNX_UNROLL for (int u = 0; u < 3; ++u) {
      if (!grads[u]) continue;
      CNNX_UNROLL for (int v = 2; v >= 0; --v) {
        if (j < v || j - v >= kCount) continue;
        sum[u * 3 + v] = fused_multiply_add(value, grads[u][j - v], sum[u * 3 + v]);
      }
    }
  }
}

// All columns at once, one vector of channels at a time down the map, so that every pixel and every
// gradient is loaded once. The data of the next vectors are prefetched meanwhile: pixels with many
// channels are so far apart that they share few sets of a first-level cache, and the CPU does not
// prefetch them.
template <class Number, int kCount>
void add_map(const Gradient<Number>& g) {
  constexpr int64_t kAhead = 4 * kLanes;
  const int64_t channels = g.channels, left = g.horizontal.origin;
  const int64_t row_step = g.width * channels, gradient_step = g.columns * channels;
  VectorsOfLongBody::for_each(channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
    Vector sum[9], grads[3][kCount];
    CNNX_UNROLL for (int k = 0; k < 9; ++k) sum[k] = lanes.load(g.sums + k * channels + channel);
    const Number* gradient = g.gradient + g.first * gradient_step + channel;
    const Number* source =
        g.source + (g.vertical.origin + g.first) * row_step + left * channels + channel;
    int64_t row = g.first;  // the output row whose first row of taps reads the source row
    const auto step = [&](Vector(&newest)[kCount], const Vector(&middle)[kCount],
                          const Vector(&oldest)[kCount]) CNNX_INLINED {
      const bool newest_exists = row < g.last;
      if (newest_exists) {
        const Number* output = gradient;
        CNNX_UNROLL for (int i = 0; i < kCount; ++i) {
          newest[i] = lanes.load(output);
          __builtin_prefetch(output + kAhead, 0, 2);
          move(output, channels);
        }
      }
      const int64_t source_row = g.vertical.origin + row;
      if (source_row >= 0 && source_row < g.height) {
        const Number* ahead = source + kAhead;
        CNNX_UNROLL for (int j = 0; j < kCount + 2; ++j) {
          __builtin_prefetch(ahead, 0, 2);
          move(ahead, channels);
        }
        const bool middle_exists = row - 1 >= g.first && row - 1 < g.last;
        const bool oldest_exists = row - 2 >= g.first;
        if (newest_exists && middle_exists && oldest_exists) {
          add_source_row<kCount>(source, channels, -left, g.width - left, {newest, middle, oldest},
                                 lanes, sum);
        } else {
          add_source_row<kCount>(
              source, channels, -left, g.width - left,
              {newest_exists ? newest : nullptr, middle_exists ? middle : nullptr,
               oldest_exists ? oldest : nullptr},
              lanes, sum);
        }
      }
      gradient += gradient_step;
      source += row_step;
      return ++row < g.last + 2;
    };
    while (step(grads[0], grads[2], grads[1]) && step(grads[1], grads[0], grads[2]) &&
           step(grads[2], grads[1], grads[0])) {
    }
    CNNX_UNROLL for (int k = 0; k < 9; ++k) lanes.store(g.sums + k * channels + channel, sum[k]);
  });
}

template <class Number>
bool is_small_map(const Gradient<Number>& g) {
  return g.columns <= kMostMapColumns && g.horizontal.stride == 1 && g.vertical.taps == 3 &&
         g.vertical.stride == 1 && g.vertical.dilation == 1;
}

#if defined(CNNX_32_REGISTERS)
template <class Number>
constexpr void (*kMaps[kMostMapColumns])(const Gradient<Number>&) = {
    add_map<Number, 1>, add_map<Number, 2>, add_map<Number, 3>, add_map<Number, 4>,
    add_map<Number, 5>, add_map<Number, 6>, add_map<Number, 7>};
template <class Number>
void add_small_map(const Gradient<Number>& g) {
  kMaps<Number>[g.columns - 1](g);
}
#else
template <class Number>
void add_small_map(const Gradient<Number>&) {}
#endif

// Any kernel --------------------------------------------------------------------------------------

// Taps (u, v) to (u + kHigh, v + kWide) of one vector of channels, for output rows that read all of
// their rows: each sum is one chain over the outputs in row-major order. Not inlined, because it
// has many callers.
template <int kHigh, int kWide, class Number, class Lanes>
__attribute__((noinline)) void add_taps(const Gradient<Number>& g, Range rows, int64_t u, int64_t v,
                                        int64_t channel, Lanes lanes) {
  if (rows.first >= rows.last) return;
  const WindowAxis h = {g.horizontal.origin + v * g.horizontal.dilation, g.horizontal.stride, kWide,
                        g.horizontal.dilation};
  const Range inside = windows_wholly_inside(h, g.columns, g.width);
  const int64_t row_step = g.vertical.dilation * g.width * g.channels;
  const int64_t tap_step = h.dilation * g.channels, step = h.stride * g.channels;
  float* const sums = g.sums + (u * g.horizontal.taps + v) * g.channels + channel;
  const int64_t sums_row = g.horizontal.taps * g.channels;
  Vector sum[kHigh][kWide];
  CNNX_UNROLL for (int i = 0; i < kHigh; ++i) CNNX_UNROLL for (int t = 0; t < kWide; ++t)
      sum[i][t] = lanes.load(sums + i * sums_row + t * g.channels);
  for (int64_t row = rows.first; row < rows.last; ++row) {
    const int64_t top = g.vertical.origin + row * g.vertical.stride + u * g.vertical.dilation;
    const Number* source = g.source + (top * g.width + h.origin) * g.channels + channel;
    const Number* gradient = g.gradient + row * g.columns * g.channels + channel;
    const auto add_edge = [&](int64_t q) CNNX_INLINED {
      const Range taps = taps_inside(h, q, g.width);
      const Vector grad = lanes.load(gradient + q * g.channels);
      CNNX_UNROLL for (int t = 0; t < kWide; ++t) {
        if (t < taps.first || t >= taps.last) continue;
        CNNX_UNROLL for (int i = 0; i < kHigh; ++i) sum[i][t] = fused_multiply_add(
            lanes.load(source + i * row_step + q * step + t * tap_step), grad, sum[i][t]);
      }
    };
    int64_t q = 0;
    for (int64_t edge_end = inside.first;; edge_end = g.columns) {
      for (; q < edge_end; ++q) add_edge(q);
      if (q >= g.columns) break;
      for (; q < inside.last; ++q) {
        const Vector grad = lanes.load(gradient + q * g.channels);
        CNNX_UNROLL for (int i = 0; i < kHigh; ++i) CNNX_UNROLL for (int t = 0; t < kWide; ++t)
            sum[i][t] = fused_multiply_add(
                lanes.load(source + i * row_step + q * step + t * tap_step), grad, sum[i][t]);
      }
    }
  }
  CNNX_UNROLL for (int i = 0; i < kHigh; ++i) CNNX_UNROLL for (int t = 0; t < kWide; ++t)
      lanes.store(sums + i * sums_row + t * g.channels, sum[i][t]);
}

// kHigh rows of taps share the output rows that all of them read. Before and after, each row of
// taps processes its own, so that every chain keeps its order.
template <int kHigh, int kWide, class Number, class Lanes>
CNNX_INLINE void add_tap_rows(const Gradient<Number>& g, Range rows, int64_t u, int64_t v,
                              int64_t channel, Lanes lanes) {
  Range own[kHigh];
  Range common = rows;
  for (int i = 0; i < kHigh; ++i) {
    own[i] = windows_inside(g.vertical, u + i, rows.last, g.height);
    if (own[i].first < rows.first) own[i].first = rows.first;
    if (own[i].first > common.first) common.first = own[i].first;
    if (own[i].last < common.last) common.last = own[i].last;
  }
  if (common.last < common.first) common.last = common.first;
  for (int i = 0; kHigh > 1 && i < kHigh; ++i) {
    const int64_t last = own[i].last < common.first ? own[i].last : common.first;
    add_taps<1, kWide>(g, {own[i].first, last}, u + i, v, channel, lanes);
  }
  add_taps<kHigh, kWide>(g, common, u, v, channel, lanes);
  for (int i = 0; kHigh > 1 && i < kHigh; ++i) {
    const int64_t first = own[i].first > common.last ? own[i].first : common.last;
    add_taps<1, kWide>(g, {first, own[i].last}, u + i, v, channel, lanes);
  }
}

template <int kWide, class Number, class Lanes>
CNNX_INLINE void add_tap_columns(const Gradient<Number>& g, Range rows, int64_t v, int64_t channel,
                                 Lanes lanes) {
  int64_t u = 0;
  for (; u + 3 <= g.vertical.taps; u += 3) add_tap_rows<3, kWide>(g, rows, u, v, channel, lanes);
  for (; u < g.vertical.taps; ++u) add_tap_rows<1, kWide>(g, rows, u, v, channel, lanes);
}

// source x gradient -> sums (taps_high, taps_wide, channels)
template <class Number>
void add(const Gradient<Number>& g) {
  if (fits_tiles(g)) return is_small_map(g) ? add_small_map(g) : add_tiles(g);
  // Rows of a band: the part that a vector of channels reads fits into a first-level cache, where
  // every group of taps after the first finds it.
  constexpr int64_t kBandVectors = 256;
  const int64_t band = kBandVectors / (g.width * g.vertical.stride + g.columns) + 1;
  for (int64_t row = g.first; row < g.last; row += band) {
    const Range rows = {row, row + band < g.last ? row + band : g.last};
    VectorsOfLongBody::for_each(g.channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
      int64_t v = 0;
      for (; v + 3 <= g.horizontal.taps; v += 3) add_tap_columns<3>(g, rows, v, channel, lanes);
      for (; v < g.horizontal.taps; ++v) add_tap_columns<1>(g, rows, v, channel, lanes);
    });
  }
}

void reduce(const float* sums, int64_t chunks, int64_t chunk_floats, int64_t count, bool accumulate,
            float* target) {
  for (int64_t i = 0; i < count; ++i) {
    float total = sums[i];
    for (int64_t chunk = 1; chunk < chunks; ++chunk) total += sums[chunk * chunk_floats + i];
    target[i] = accumulate ? target[i] + total : total;
  }
}

}  // namespace

const DepthwiseGradientKernels depthwise_gradient_kernels = {add<float>, add<uint16_t>, reduce};

}  // namespace CNNX_ISA
}  // namespace cnnx
