// The start and the end of a tile of a depthwise convolution: a vector of channels of some pixels.
// A kernel file that includes this defines DepthwiseElement before: the type of the source and the
// target, float or uint16_t for bfloat16.
#pragma once

#include "kernels/cache_line.h"
#include "kernels/channel_lanes.h"
#include "kernels/conv2d_depthwise.h"
#include "kernels/conv2d_rows.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

using Element = DepthwiseElement;
using Pass = DepthwisePassOf<Element>;

constexpr Element kZeros[kLanes] = {};

// Some outputs side by side in one or more rows.
struct Outputs {
  int64_t row, q;     // the first
  Range source_rows;  // read by their taps, counted from the first row's first tap
  Range tap_columns;

  // From another column on. A copy whose column was just changed would be read as a whole, and
  // a CPU waits with that until the change is stored.
  CNNX_INLINE Outputs from(int64_t column) const { return {row, column, source_rows, tap_columns}; }
};

// The values shared by all channels of a tile.
struct Places {
  const Element* source;  // of tap (0, 0) of the first output, channel 0, and its weight
  const float* weight;
  Element* target;
  const Element* addend;                                           // or null
  const Element* relu_output;                                      // or null
  int64_t channels, source_row, tap_row, tap_column, row, column;  // steps

  CNNX_INLINE Places(const Pass& p, const Outputs& outputs)
      : weight(p.weight),
        channels(p.channels),
        source_row(p.vertical.dilation * p.width * p.channels),
        tap_row(p.tap_row_step),
        tap_column(p.tap_column_step),
        row(p.row_step),
        column(p.column_step) {
    const int64_t top = p.vertical.origin + outputs.row * p.vertical.stride;
    const int64_t left = p.horizontal.origin + outputs.q * p.horizontal.stride;
    source = p.source + (top * p.width + left) * channels;
    const int64_t place = outputs.row * row + outputs.q * column;
    target = p.target + place;
    addend = p.addend ? p.addend + place : nullptr;
    relu_output = p.relu_output ? p.relu_output + place : nullptr;
  }
};

template <int kRows, int kCount, class Lanes>
CNNX_INLINE void start(const Pass& p, const Places& places, int64_t channel, Lanes lanes,
                       Vector (&sum)[kRows][kCount]) {
  const Vector bias = p.bias ? lanes.load(p.bias + channel) : Vector{};
  CNNX_UNROLL for (int r = 0; r < kRows; ++r) CNNX_UNROLL for (int i = 0; i < kCount; ++i)
      sum[r][i] = bias;
  if (!p.accumulate) return;
  const Element* target = places.target + channel;
  CNNX_UNROLL for (int r = 0; r < kRows; ++r) CNNX_UNROLL for (int i = 0; i < kCount; ++i)
      sum[r][i] = lanes.load(target + r * places.row + i * places.column);
}

template <int kRows, int kCount, class Lanes>
CNNX_INLINE void finish(const Pass& p, const Places& places, int64_t channel, Lanes lanes,
                        Vector (&sum)[kRows][kCount]) {
  if (places.addend) {
    const Element* addend = places.addend + channel;
    CNNX_UNROLL for (int r = 0; r < kRows; ++r) CNNX_UNROLL for (int i = 0; i < kCount; ++i)
        sum[r][i] += lanes.load(addend + r * places.row + i * places.column);
  }
  if (p.relu) {
    const Vector ceiling = broadcast(p.ceiling);
    CNNX_UNROLL for (int r = 0; r < kRows; ++r) CNNX_UNROLL for (int i = 0; i < kCount; ++i)
        sum[r][i] = at_most(ceiling, positive_part(sum[r][i]));
  }
  if (places.relu_output) {
    const Element* output = places.relu_output + channel;
    CNNX_UNROLL for (int r = 0; r < kRows; ++r) CNNX_UNROLL for (int i = 0; i < kCount; ++i) {
      const Vector passed = lanes.load(output + r * places.row + i * places.column);
      sum[r][i] = passed <= Vector{} ? Vector{} : sum[r][i];
    }
  }
  Element* target = places.target + channel;
  CNNX_UNROLL for (int r = 0; r < kRows; ++r) CNNX_UNROLL for (int i = 0; i < kCount; ++i)
      lanes.store(target + r * places.row + i * places.column, sum[r][i]);
}

// Prefetches the lines that the tile will write, or those of the next tile, by a distance that
// covers the memory latency.
template <int kRows, int kCount>
CNNX_INLINE void fetch_target(const Places& places, int64_t channel) {
  constexpr int64_t kAhead = 32;
  if (kLanes < kCacheLine<Element> && channel % kCacheLine<Element> != 0) return;
  const int64_t ahead = kAhead < places.channels ? kAhead : places.channels;
  const Element* target = places.target + channel + ahead;
  if (channel + ahead >= places.channels) target += kCount * places.column - places.channels;
  CNNX_UNROLL for (int r = 0; r < kRows; ++r) CNNX_UNROLL for (int i = 0; i < kCount; ++i)
      __builtin_prefetch(target + r * places.row + i * places.column, 1, 3);
}

}  // namespace
}  // namespace CNNX_ISA
}  // namespace cnnx
