// The weight gradient of the depthwise convolution: a vector of channels of some taps at a time,
// each sum one chain over the outputs in row-major order.
#include "kernels/channel_lanes.h"
#include "kernels/conv2d_depthwise.h"
#include "kernels/conv2d_rows.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// Columns of the largest tile. What is left of a line goes to tiles of nearly the same size.
constexpr int kMostColumns = 8;

constexpr float kZeros[kLanes] = {};

// Kernels 3 taps wide -----------------------------------------------------------------------------

// Outputs [q, q + kCount) of a row, and kHigh rows of taps from `tap_row` on, all inside.
struct Outputs {
  int64_t row, q, tap_row;
};

// A pixel is loaded once for all outputs of the tile that see it; beside the picture are zeros.
// All channels of a tile follow each other, as they do in memory. What the tile below reads for the
// first time is fetched meanwhile: pixels are used too few times to wait for.
template <int kStride, int kHigh, int kCount>
void add_tile(const DepthwiseGradient& g, const Outputs& outputs) {
  constexpr int kWide = 3, kSpan = (kCount - 1) * kStride + kWide;
  const int64_t channels = g.channels, row_step = g.vertical.dilation * g.width * channels;
  const int64_t top =
      g.vertical.origin + outputs.row * g.vertical.stride + outputs.tap_row * g.vertical.dilation;
  const int64_t left = g.horizontal.origin + outputs.q * kStride;
  const int64_t inside_first = -left, inside_last = g.width - left;
  const float* const source = g.source + (top * g.width + left) * channels;
  const float* const gradient = g.gradient + (outputs.row * g.columns + outputs.q) * channels;
  float* const sums = g.sums + outputs.tap_row * kWide * channels;
  const int64_t pixels_below = g.vertical.stride * g.width * channels;
  const int64_t gradient_below = g.columns * channels;
  for_channel_vectors(channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
    Vector sum[kHigh * kWide], grad[kCount];
    CNNX_UNROLL for (int k = 0; k < kHigh * kWide; ++k) sum[k] =
        lanes.load(sums + k * channels + channel);
    CNNX_UNROLL for (int j = 0; j < kSpan; ++j) {
      if (j < kCount) {
        grad[j] = lanes.load(gradient + j * channels + channel);
        __builtin_prefetch(gradient + gradient_below + j * channels + channel);
      }
      const bool outside =
          (j < kWide - 1 && j < inside_first) || (j > kSpan - kWide && j >= inside_last);
      CNNX_UNROLL for (int u = 0; u < kHigh; ++u) {
        const float* pixel = source + u * row_step + j * channels + channel;
        if (u + g.vertical.stride >= kHigh) __builtin_prefetch(pixel + pixels_below);
        const Vector value = held(lanes.load(outside ? kZeros : pixel));
        CNNX_UNROLL for (int v = kWide - 1; v >= 0; --v) {
          const int distance = j - v, i = distance / kStride;
          if (distance >= 0 && distance % kStride == 0 && i < kCount) {
            sum[u * kWide + v] = fused_multiply_add(value, grad[i], sum[u * kWide + v]);
          }
        }
      }
    }
    CNNX_UNROLL for (int k = 0; k < kHigh * kWide; ++k)
        lanes.store(sums + k * channels + channel, sum[k]);
  });
}

// By their columns, less one.
using Tile = void (*)(const DepthwiseGradient&, const Outputs&);
#define CNNX_TILES(stride, high)                                                    \
  {add_tile<stride, high, 1>, add_tile<stride, high, 2>, add_tile<stride, high, 3>, \
   add_tile<stride, high, 4>, add_tile<stride, high, 5>, add_tile<stride, high, 6>, \
   add_tile<stride, high, 7>, add_tile<stride, high, 8>}
// Of strides 1 and 2, of three rows of taps and of one.
constexpr Tile kTiles[2][2][kMostColumns] = {{CNNX_TILES(1, 3), CNNX_TILES(1, 1)},
                                             {CNNX_TILES(2, 3), CNNX_TILES(2, 1)}};

bool fits_tiles(const DepthwiseGradient& g) {
  const WindowAxis& h = g.horizontal;
  return h.taps == 3 && h.stride <= 2 && slides(h, g.columns, g.width);
}

void add_tiles(const DepthwiseGradient& g) {
  const Tile(&tiles)[2][kMostColumns] = kTiles[g.horizontal.stride - 1];
  for (int64_t row = g.first; row < g.last; ++row) {
    const Range taps = taps_inside(g.vertical, row, g.height);
    int64_t columns;
    for (int64_t q = 0; q < g.columns; q += columns) {
      columns = divide_up(g.columns - q, divide_up(g.columns - q, kMostColumns));
      int64_t u = taps.first;
      for (; u + 3 <= taps.last; u += 3) tiles[0][columns - 1](g, {row, q, u});
      for (; u < taps.last; ++u) tiles[1][columns - 1](g, {row, q, u});
    }
  }
}

// Any kernel --------------------------------------------------------------------------------------

// Taps (u, v) to (u + kHigh, v + kWide) of one vector of channels, for output rows that see all of
// their rows: each sum is one chain over the outputs in row-major order.
template <int kHigh, int kWide, class Lanes>
CNNX_INLINE void add_taps(const DepthwiseGradient& g, Range rows, int64_t u, int64_t v,
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
    const float* source = g.source + (top * g.width + h.origin) * g.channels + channel;
    const float* gradient = g.gradient + row * g.columns * g.channels + channel;
    const auto add_edge = [&](int64_t q) CNNX_INLINED {
      const Range taps = taps_inside(h, q, g.width);
      const Vector grad = lanes.load(gradient + q * g.channels);
      CNNX_UNROLL for (int t = 0; t < kWide; ++t) {
        if (t < taps.first || t >= taps.last) continue;
        CNNX_UNROLL for (int i = 0; i < kHigh; ++i) sum[i][t] = fused_multiply_add(
            lanes.load(source + i * row_step + q * step + t * tap_step), grad, sum[i][t]);
      }
    };
    for (int64_t q = 0; q < inside.first; ++q) add_edge(q);
    for (int64_t q = inside.first; q < inside.last; ++q) {
      const Vector grad = lanes.load(gradient + q * g.channels);
      CNNX_UNROLL for (int i = 0; i < kHigh; ++i) CNNX_UNROLL for (int t = 0; t < kWide; ++t)
          sum[i][t] = fused_multiply_add(
              lanes.load(source + i * row_step + q * step + t * tap_step), grad, sum[i][t]);
    }
    for (int64_t q = inside.last; q < g.columns; ++q) add_edge(q);
  }
  CNNX_UNROLL for (int i = 0; i < kHigh; ++i) CNNX_UNROLL for (int t = 0; t < kWide; ++t)
      lanes.store(sums + i * sums_row + t * g.channels, sum[i][t]);
}

// kHigh rows of taps share the output rows that all of them see; before and after, each takes its
// own, so that every chain keeps its order.
template <int kHigh, int kWide, class Lanes>
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

template <int kWide, class Lanes>
CNNX_INLINE void add_tap_columns(const DepthwiseGradient& g, Range rows, int64_t v, int64_t channel,
                                 Lanes lanes) {
  int64_t u = 0;
  for (; u + 3 <= g.vertical.taps; u += 3) add_tap_rows<3, kWide>(g, rows, u, v, channel, lanes);
  for (; u < g.vertical.taps; ++u) add_tap_rows<1, kWide>(g, rows, u, v, channel, lanes);
}

// source x gradient -> sums (taps_high, taps_wide, channels)
void add(const DepthwiseGradient& g) {
  if (fits_tiles(g)) {
    add_tiles(g);
    return;
  }
  // Rows of a band: what a vector of channels reads of it fits into a first-level cache, so that
  // every group of taps but the first finds it there.
  constexpr int64_t kBandVectors = 256;
  const int64_t band = kBandVectors / (g.width * g.vertical.stride + g.columns) + 1;
  for (int64_t row = g.first; row < g.last; row += band) {
    const Range rows = {row, row + band < g.last ? row + band : g.last};
    for_channel_vectors(g.channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
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

const DepthwiseGradientKernels depthwise_gradient_kernels = {add, reduce};

}  // namespace CNNX_ISA
}  // namespace cnnx
