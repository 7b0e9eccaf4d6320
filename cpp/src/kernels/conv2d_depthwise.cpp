// The depthwise convolution: a vector of channels of some pixels at a time, the taps in order,
// straight from the picture.
#include "kernels/conv2d_depthwise.h"

#include "kernels/conv2d_rows.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// Chains in flight: enough to hide the latency of an addition, and each weight is loaded once for
// so many pixels.
constexpr int64_t kPixels = 8;

// Channels [first, first + count) of a row, count = kLanes or the rest.
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

// kCount outputs from column q on, whose taps `rows` x `columns` all lie inside the picture.
template <int kCount>
CNNX_INLINE void convolve_pixels(const DepthwisePass& p, int64_t row, Range rows, int64_t q,
                                 Range columns, int64_t channel, Lanes lanes) {
  const int64_t step = p.horizontal.stride * p.channels;
  float* target = p.target + row * p.row_step + q * p.column_step + channel;
  Vector sum[kCount];
  CNNX_UNROLL for (int i = 0; i < kCount; ++i) {
    sum[i] = p.accumulate ? lanes.get(target + i * p.column_step)
             : p.bias     ? lanes.get(p.bias + channel)
                          : Vector{};
  }
  for (int64_t u = rows.first; u < rows.last; ++u) {
    const int64_t top = p.vertical.origin + row * p.vertical.stride + u * p.vertical.dilation;
    for (int64_t v = columns.first; v < columns.last; ++v) {
      const int64_t left =
          p.horizontal.origin + q * p.horizontal.stride + v * p.horizontal.dilation;
      const float* source = p.source + (top * p.width + left) * p.channels + channel;
      const Vector weight =
          lanes.get(p.weight + u * p.tap_row_step + v * p.tap_column_step + channel);
      CNNX_UNROLL for (int i = 0; i < kCount; ++i) {
        sum[i] = fused_multiply_add(lanes.get(source + i * step), weight, sum[i]);
      }
    }
  }
  CNNX_UNROLL for (int i = 0; i < kCount; ++i) lanes.put(target + i * p.column_step, sum[i]);
}

// Columns [first, last) are those whose windows lie inside from left to right.
CNNX_INLINE void convolve_line(const DepthwisePass& p, int64_t row, Range rows, Range inside,
                               int64_t channel, Lanes lanes) {
  const auto at_edge = [&](int64_t q) {
    convolve_pixels<1>(p, row, rows, q, taps_inside(p.horizontal, q, p.width), channel, lanes);
  };
  const Range all = {0, p.horizontal.taps};
  int64_t q = 0;
  for (; q < inside.first; ++q) at_edge(q);
  for (; q + kPixels <= inside.last; q += kPixels)
    convolve_pixels<kPixels>(p, row, rows, q, all, channel, lanes);
  for (; q < inside.last; ++q) convolve_pixels<1>(p, row, rows, q, all, channel, lanes);
  for (; q < p.columns; ++q) at_edge(q);
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
  const Range inside = columns_inside(p.horizontal, p.columns, p.width);
  for (int64_t row = first; row < last; ++row) {
    const Range rows = taps_inside(p.vertical, row, p.height);
    int64_t channel = 0;
    for (; channel + kLanes <= p.channels; channel += kLanes) {
      convolve_line(p, row, rows, inside, channel, {kLanes});
    }
    if (channel < p.channels) convolve_line(p, row, rows, inside, channel, {p.channels - channel});
  }
}

// kTaps taps of a row from tap v on, for windows [first, last) that see all of them.
template <int kTaps>
CNNX_INLINE void add_products(const DepthwiseGradient& g, int64_t row, int64_t u, int64_t v,
                              int64_t first, int64_t last, int64_t channel, Lanes lanes) {
  float* sums = g.sums + (u * g.horizontal.taps + v) * g.channels + channel;
  Vector sum[kTaps];
  CNNX_UNROLL for (int t = 0; t < kTaps; ++t) sum[t] = lanes.get(sums + t * g.channels);
  const int64_t top = g.vertical.origin + row * g.vertical.stride + u * g.vertical.dilation;
  const int64_t left =
      g.horizontal.origin + first * g.horizontal.stride + v * g.horizontal.dilation;
  const int64_t tap_step = g.horizontal.dilation * g.channels;
  const float* source = g.source + (top * g.width + left) * g.channels + channel;
  const float* gradient = g.gradient + (row * g.columns + first) * g.channels + channel;
  for (int64_t q = first; q < last; ++q) {
    const Vector grad = lanes.get(gradient);
    CNNX_UNROLL for (int t = 0; t < kTaps; ++t) {
      sum[t] = fused_multiply_add(lanes.get(source + t * tap_step), grad, sum[t]);
    }
    source += g.horizontal.stride * g.channels;
    gradient += g.channels;
  }
  CNNX_UNROLL for (int t = 0; t < kTaps; ++t) lanes.put(sums + t * g.channels, sum[t]);
}

// A row of taps, three at a time: those share the windows that all of them meet; before and after,
// each takes its own, so that every chain keeps its order.
CNNX_INLINE void add_tap_row(const DepthwiseGradient& g, int64_t row, int64_t u, int64_t channel,
                             Lanes lanes) {
  int64_t v = 0;
  for (; v + 3 <= g.horizontal.taps; v += 3) {
    Range own[3];
    Range common = {0, g.columns};
    for (int64_t t = 0; t < 3; ++t) {
      own[t] = windows_inside(g.horizontal, v + t, g.columns, g.width);
      if (own[t].first > common.first) common.first = own[t].first;
      if (own[t].last < common.last) common.last = own[t].last;
    }
    if (common.last < common.first) common.last = common.first;
    for (int64_t t = 0; t < 3; ++t) {
      const int64_t last = own[t].last < common.first ? own[t].last : common.first;
      add_products<1>(g, row, u, v + t, own[t].first, last, channel, lanes);
    }
    add_products<3>(g, row, u, v, common.first, common.last, channel, lanes);
    for (int64_t t = 0; t < 3; ++t) {
      const int64_t first = own[t].first > common.last ? own[t].first : common.last;
      add_products<1>(g, row, u, v + t, first, own[t].last, channel, lanes);
    }
  }
  for (; v < g.horizontal.taps; ++v) {
    const Range own = windows_inside(g.horizontal, v, g.columns, g.width);
    add_products<1>(g, row, u, v, own.first, own.last, channel, lanes);
  }
}

// source x gradient -> sums (taps_high, taps_wide, channels)
void add_depthwise_gradient(const DepthwiseGradient& g) {
  for (int64_t row = g.first; row < g.last; ++row) {
    const Range rows = taps_inside(g.vertical, row, g.height);
    for (int64_t u = rows.first; u < rows.last; ++u) {
      int64_t channel = 0;
      for (; channel + kLanes <= g.channels; channel += kLanes)
        add_tap_row(g, row, u, channel, {kLanes});
      if (channel < g.channels) add_tap_row(g, row, u, channel, {g.channels - channel});
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

const DepthwiseKernels depthwise_kernels = {convolve_depthwise, add_depthwise_gradient, reduce};

}  // namespace CNNX_ISA
}  // namespace cnnx
