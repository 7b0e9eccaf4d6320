// The depthwise convolution: a vector of channels of some pixels at a time, the taps in order,
// straight from the picture.
#include "kernels/conv2d_depthwise.h"

#include "kernels/conv2d_rows.h"
#include "kernels/quad.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// Outputs of the largest tile: chains enough to hide the latency of an addition, and each weight is
// loaded once for so many pixels. What a line leaves over goes to tiles half, a quarter and an
// eighth as large.
constexpr int kPixels = 8;

constexpr float kZeros[kLanes] = {};

// Channels [first, first + count) of a pixel, count = kLanes or the rest.
struct Lanes {
  int64_t count;

  CNNX_INLINE Vector get(const float* source) const {
    return count == kLanes ? load(source) : load_partial(source, count);
  }
  CNNX_INLINE void put(float* target, Vector value) const {
    if (count == kLanes) {
      store(target, value);
    } else {
      store_partial(target, value, count);
    }
  }
};

// body(first channel, lanes) for every vector of channels.
template <class Body>
CNNX_INLINE void for_channels(int64_t channels, const Body& body) {
  int64_t channel = 0;
  for (; channel + kLanes <= channels; channel += kLanes) body(channel, Lanes{kLanes});
  if (channel < channels) body(channel, Lanes{channels - channel});
}

// Forward and input gradient ----------------------------------------------------------------------

// Some outputs of a row side by side, the first from column q on, and the taps they see.
struct Outputs {
  int64_t row, q;
  Range tap_rows, tap_columns;
};

// What all channels of a tile share.
struct Places {
  const float *source, *weight;  // of the first row of taps, tap column 0, channel 0
  float* target;
  int64_t channels, source_row, tap_row, tap_column, column;  // steps

  CNNX_INLINE Places(const DepthwisePass& p, const Outputs& outputs)
      : weight(p.weight + outputs.tap_rows.first * p.tap_row_step),
        target(p.target + outputs.row * p.row_step + outputs.q * p.column_step),
        channels(p.channels),
        source_row(p.vertical.dilation * p.width * p.channels),
        tap_row(p.tap_row_step),
        tap_column(p.tap_column_step),
        column(p.column_step) {
    const int64_t top = p.vertical.origin + outputs.row * p.vertical.stride;
    const int64_t left = p.horizontal.origin + outputs.q * p.horizontal.stride;
    source = p.source + (top * p.width + left) * channels + outputs.tap_rows.first * source_row;
  }
};

template <int kCount>
CNNX_INLINE void start(const DepthwisePass& p, const float* target, int64_t step, int64_t channel,
                       Lanes lanes, Vector (&sum)[kCount]) {
  if (p.accumulate) {
    CNNX_UNROLL for (int i = 0; i < kCount; ++i) sum[i] = lanes.get(target + i * step);
  } else {
    const Vector bias = p.bias ? lanes.get(p.bias + channel) : Vector{};
    CNNX_UNROLL for (int i = 0; i < kCount; ++i) sum[i] = bias;
  }
}

template <int kCount>
CNNX_INLINE void finish(const Vector (&sum)[kCount], int64_t step, Lanes lanes, float* target) {
  CNNX_UNROLL for (int i = 0; i < kCount; ++i, target += step) lanes.put(target, sum[i]);
}

// Any windows: every tap of every output is loaded.
template <int kCount>
CNNX_INLINE void convolve_any(const DepthwisePass& p, const Outputs& outputs) {
  const Places places(p, outputs);
  const int64_t tap_rows = outputs.tap_rows.last - outputs.tap_rows.first;
  const int64_t step = p.horizontal.stride * places.channels;
  const int64_t tap_step = p.horizontal.dilation * places.channels;
  for_channels(places.channels, [&](int64_t channel, Lanes lanes) CNNX_INLINED {
    Vector sum[kCount];
    start(p, places.target + channel, places.column, channel, lanes, sum);
    for (int64_t u = 0; u < tap_rows; ++u) {
      const float* source = places.source + u * places.source_row + channel;
      const float* weights = places.weight + u * places.tap_row + channel;
      for (int64_t v = outputs.tap_columns.first; v < outputs.tap_columns.last; ++v) {
        const Vector weight = lanes.get(weights + v * places.tap_column);
        const float* pixel = source + v * tap_step;
        CNNX_UNROLL for (int i = 0; i < kCount; ++i, pixel += step) {
          sum[i] = fused_multiply_add(lanes.get(pixel), weight, sum[i]);
        }
      }
    }
    finish(sum, places.column, lanes, places.target + channel);
  });
}

// Windows of kTaps taps side by side, kStride apart: a pixel is loaded once for all windows of the
// tile that see it. Taps beside the picture meet zeros.
template <int kTaps, int kStride, int kCount>
void convolve_sliding(const DepthwisePass& p, const Outputs& outputs) {
  constexpr int kSpan = (kCount - 1) * kStride + kTaps;
  const Places places(p, outputs);
  const int64_t tap_rows = outputs.tap_rows.last - outputs.tap_rows.first;
  const int64_t left = p.horizontal.origin + outputs.q * kStride;
  const int64_t inside_first = -left, inside_last = p.width - left;
  for_channels(places.channels, [&](int64_t channel, Lanes lanes) CNNX_INLINED {
    Vector sum[kCount];
    start(p, places.target + channel, places.column, channel, lanes, sum);
    const float* source = places.source + channel;
    const float* weights = places.weight + channel;
    for (int64_t u = 0; u < tap_rows; ++u) {
      Vector weight[kTaps];
      CNNX_UNROLL for (int v = 0; v < kTaps; ++v) weight[v] =
          lanes.get(weights + v * places.tap_column);
      const float* pixel = source;
      CNNX_UNROLL for (int j = 0; j < kSpan; ++j, pixel += places.channels) {
        const bool outside =
            (j < kTaps - 1 && j < inside_first) || (j > kSpan - kTaps && j >= inside_last);
        const Vector value = lanes.get(outside ? kZeros : pixel);
        CNNX_UNROLL for (int v = 0; v < kTaps; ++v) {
          const int distance = j - v, i = distance / kStride;
          if (distance >= 0 && distance % kStride == 0 && i < kCount) {
            sum[i] = fused_multiply_add(value, weight[v], sum[i]);
          }
        }
      }
      source += places.source_row;
      weights += places.tap_row;
    }
    finish(sum, places.column, lanes, places.target + channel);
  });
}

// Tiles of kPixels outputs, of half as many, and so on.
using Tile = void (*)(const DepthwisePass&, const Outputs&);
struct Tiles {
  int64_t taps, stride;
  Tile of[4];
};
#define CNNX_SLIDING(taps, stride)                                                \
  {                                                                               \
    taps, stride, {                                                               \
      convolve_sliding<taps, stride, kPixels>, convolve_sliding<taps, stride, 4>, \
          convolve_sliding<taps, stride, 2>, convolve_sliding<taps, stride, 1>    \
    }                                                                             \
  }
// Those of 1 and 2 taps are phases of the input gradient of 3x3 kernels with stride 2.
constexpr Tiles kSliding[] = {CNNX_SLIDING(1, 1), CNNX_SLIDING(2, 1), CNNX_SLIDING(3, 1),
                              CNNX_SLIDING(3, 2), CNNX_SLIDING(5, 1), CNNX_SLIDING(5, 2)};
constexpr Tiles kAny = {
    0, 0, {convolve_any<kPixels>, convolve_any<4>, convolve_any<2>, convolve_any<1>}};

const Tiles* sliding_tiles(const DepthwisePass& p) {
  const WindowAxis& h = p.horizontal;
  // Windows at the edge reach less than their taps beyond the picture.
  const bool fits = h.origin > -h.taps && last_place(h, p.columns) < p.width + h.taps - 1;
  if (!fits || (h.dilation != 1 && h.taps > 1)) return nullptr;
  for (const Tiles& tiles : kSliding) {
    if (tiles.taps == h.taps && tiles.stride == h.stride) return &tiles;
  }
  return nullptr;
}

// Columns [outputs.q, last)
void convolve_columns(const DepthwisePass& p, const Tiles& tiles, Outputs outputs, int64_t last) {
  int64_t size = kPixels;
  for (const Tile tile : tiles.of) {
    for (; outputs.q + size <= last; outputs.q += size) tile(p, outputs);
    size /= 2;
  }
}

// Columns whose first and last tap lie inside; empty if there are none.
Range columns_inside(const WindowAxis& axis, int64_t columns, int64_t width) {
  const Range first_tap = windows_inside(axis, 0, columns, width);
  const Range last_tap = windows_inside(axis, axis.taps - 1, columns, width);
  const int64_t first = first_tap.first < columns ? first_tap.first : columns;
  return {first, last_tap.last > first ? last_tap.last : first};
}

// source (height, width, channels) -> target
void convolve_depthwise(const DepthwisePass& p, int64_t first, int64_t last) {
  const Tiles* sliding = sliding_tiles(p);
  const Range inside = columns_inside(p.horizontal, p.columns, p.width);
  const Range all = {0, p.horizontal.taps};
  for (int64_t row = first; row < last; ++row) {
    const Range rows = taps_inside(p.vertical, row, p.height);
    if (sliding) {
      convolve_columns(p, *sliding, {row, 0, rows, all}, p.columns);
      continue;
    }
    const auto at_edge = [&](int64_t q) {
      convolve_any<1>(p, {row, q, rows, taps_inside(p.horizontal, q, p.width)});
    };
    for (int64_t q = 0; q < inside.first; ++q) at_edge(q);
    convolve_columns(p, kAny, {row, inside.first, rows, all}, inside.last);
    for (int64_t q = inside.last; q < p.columns; ++q) at_edge(q);
  }
}

// Weight gradient ---------------------------------------------------------------------------------

// Taps (u, v) to (u + kHigh, v + kWide) of one vector of channels, for output rows that see all of
// their rows: each sum is one chain over the outputs in row-major order.
template <int kHigh, int kWide>
CNNX_INLINE void add_taps(const DepthwiseGradient& g, Range rows, int64_t u, int64_t v,
                          int64_t channel, Lanes lanes) {
  if (rows.first >= rows.last) return;
  const WindowAxis h = {g.horizontal.origin + v * g.horizontal.dilation, g.horizontal.stride, kWide,
                        g.horizontal.dilation};
  const Range inside = columns_inside(h, g.columns, g.width);
  const int64_t row_step = g.vertical.dilation * g.width * g.channels;
  const int64_t tap_step = h.dilation * g.channels, step = h.stride * g.channels;
  float* const sums = g.sums + (u * g.horizontal.taps + v) * g.channels + channel;
  const int64_t sums_row = g.horizontal.taps * g.channels;
  Vector sum[kHigh][kWide];
  CNNX_UNROLL for (int i = 0; i < kHigh; ++i) CNNX_UNROLL for (int t = 0; t < kWide; ++t)
      sum[i][t] = lanes.get(sums + i * sums_row + t * g.channels);
  for (int64_t row = rows.first; row < rows.last; ++row) {
    const int64_t top = g.vertical.origin + row * g.vertical.stride + u * g.vertical.dilation;
    const float* source = g.source + (top * g.width + h.origin) * g.channels + channel;
    const float* gradient = g.gradient + row * g.columns * g.channels + channel;
    const auto add_edge = [&](int64_t q) CNNX_INLINED {
      const Range taps = taps_inside(h, q, g.width);
      const Vector grad = lanes.get(gradient + q * g.channels);
      CNNX_UNROLL for (int t = 0; t < kWide; ++t) {
        if (t < taps.first || t >= taps.last) continue;
        CNNX_UNROLL for (int i = 0; i < kHigh; ++i) sum[i][t] = fused_multiply_add(
            lanes.get(source + i * row_step + q * step + t * tap_step), grad, sum[i][t]);
      }
    };
    for (int64_t q = 0; q < inside.first; ++q) add_edge(q);
    for (int64_t q = inside.first; q < inside.last; ++q) {
      const Vector grad = lanes.get(gradient + q * g.channels);
      CNNX_UNROLL for (int i = 0; i < kHigh; ++i) CNNX_UNROLL for (int t = 0; t < kWide; ++t)
          sum[i][t] = fused_multiply_add(lanes.get(source + i * row_step + q * step + t * tap_step),
                                         grad, sum[i][t]);
    }
    for (int64_t q = inside.last; q < g.columns; ++q) add_edge(q);
  }
  CNNX_UNROLL for (int i = 0; i < kHigh; ++i) CNNX_UNROLL for (int t = 0; t < kWide; ++t)
      lanes.put(sums + i * sums_row + t * g.channels, sum[i][t]);
}

// kHigh rows of taps share the output rows that all of them see; before and after, each takes its
// own, so that every chain keeps its order.
template <int kHigh, int kWide>
CNNX_INLINE void add_tap_rows(const DepthwiseGradient& g, Range rows, int64_t u, int64_t v,
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

template <int kWide>
CNNX_INLINE void add_tap_columns(const DepthwiseGradient& g, Range rows, int64_t v, int64_t channel,
                                 Lanes lanes) {
  int64_t u = 0;
  for (; u + 3 <= g.vertical.taps; u += 3) add_tap_rows<3, kWide>(g, rows, u, v, channel, lanes);
  for (; u < g.vertical.taps; ++u) add_tap_rows<1, kWide>(g, rows, u, v, channel, lanes);
}

// source x gradient -> sums (taps_high, taps_wide, channels)
void add_depthwise_gradient(const DepthwiseGradient& g) {
  // Rows of a band: what a vector of channels reads of it fits into a first-level cache, so that
  // every group of taps but the first finds it there.
  constexpr int64_t kBandVectors = 256;
  const int64_t band = kBandVectors / (g.width * g.vertical.stride + g.columns) + 1;
  for (int64_t row = g.first; row < g.last; row += band) {
    const Range rows = {row, row + band < g.last ? row + band : g.last};
    for_channels(g.channels, [&](int64_t channel, Lanes lanes) CNNX_INLINED {
      int64_t v = 0;
      for (; v + 3 <= g.horizontal.taps; v += 3) add_tap_columns<3>(g, rows, v, channel, lanes);
      for (; v < g.horizontal.taps; ++v) add_tap_columns<1>(g, rows, v, channel, lanes);
    });
  }
}

// Four lanes at a time; what is too much is overwritten by the next group, pixel, or nobody.
void spread(const float* source, int64_t pixels, int64_t groups, int64_t inputs, int64_t outputs,
            float* target) {
  for (int64_t p = 0; p < pixels; ++p, source += groups * inputs) {
    for (int64_t i = 0; i < inputs; ++i) {
      for (int64_t g = 0; g < groups; ++g, target += outputs) {
        const Quad value = source[g * inputs + i] - Quad{};
        for (int64_t j = 0; j < outputs; j += 4) {
          *reinterpret_cast<UnalignedQuad*>(target + j) = value;
        }
      }
    }
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

const DepthwiseKernels depthwise_kernels = {convolve_depthwise, add_depthwise_gradient, spread,
                                            reduce};

}  // namespace CNNX_ISA
}  // namespace cnnx
