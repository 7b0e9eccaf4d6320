// The weight gradient of groups that fill lanes: an input channel is spread over its group's lanes
// once and multiplied with the gradients of all windows of a row that read it.
#include "kernels/conv2d_lane_groups_spread.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// Part of the sums of one vector of channels.
struct Taps {
  int64_t u, v, input;  // the first
  int64_t channel;
};

// Taps (u, v) to (u, v + kTaps) and kInputs inputs: each sum is one chain over the outputs in
// row-major order. Windows are kStride apart, or any stride for a single tap.
template <bool kSeveralGroups, int kTaps, int kStride, int kInputs, class Lanes>
CNNX_INLINE void add_taps(const LaneGroupsGradient& g, Range rows, const Taps& taps, Lanes lanes) {
  // The gradients for one source pixel begin with that of window q and end so many before.
  constexpr int kBefore = (kTaps - 1) / kStride;
  const WindowAxis& v = g.vertical;
  const WindowAxis h = {g.horizontal.origin + taps.v * g.horizontal.dilation, g.horizontal.stride,
                        kTaps, g.horizontal.dilation};
  const int64_t channels = g.groups * g.group.outputs, pixel_step = g.groups * g.group.inputs;
  const int64_t sums_tap = g.group.inputs * channels;
  float* const sums = g.sums + (taps.u * g.horizontal.taps + taps.v) * sums_tap +
                      taps.input * channels + taps.channel;
  Vector sum[kInputs][kTaps];
  CNNX_UNROLL for (int i = 0; i < kInputs; ++i) CNNX_UNROLL for (int t = 0; t < kTaps; ++t)
      sum[i][t] = lanes.load(sums + t * sums_tap + i * channels);
  const int64_t row_floats = g.width * pixel_step;
  const float* source = g.source + first_input<kSeveralGroups>(g.group, taps.channel) +
                        (v.origin + rows.first * v.stride + taps.u * v.dilation) * row_floats;
  const float* gradient = g.gradient + rows.first * g.columns * channels + taps.channel;
  // The first kStride pixels of window q. At edges, pixels outside and missing windows are omitted.
  const auto add_pixels = [&](int64_t q, bool edge) CNNX_INLINED {
    CNNX_UNROLL for (int e = 0; e < kStride && e < kTaps; ++e) {
      const int64_t column = h.origin + q * h.stride + e;
      if (edge && (column < 0 || column >= g.width)) continue;
      const float* pixel = source + column * pixel_step;
      // Gradients first, then one input at a time, which needs only 16 registers.
      Vector grad[kTaps] = {};
      bool meets[kTaps];
      CNNX_UNROLL for (int t = e; t < kTaps; t += kStride) {
        const int64_t window = q - (t - e) / kStride;
        meets[t] = !edge || (window >= 0 && window < g.columns);
        if (meets[t]) grad[t] = lanes.load(gradient + window * channels);
      }
      CNNX_UNROLL for (int i = 0; i < kInputs; ++i) {
        const Vector value =
            Spread<kSeveralGroups>(g.group, taps.input + i).of(pixel, false, lanes);
        CNNX_UNROLL for (int t = e; t < kTaps; t += kStride) {
          if (meets[t]) sum[i][t] = fused_multiply_add(value, grad[t], sum[i][t]);
        }
      }
    }
  };
  const int64_t end = g.columns + kBefore;
  const Range inside = windows_wholly_inside({h.origin, h.stride, kStride, 1}, g.columns, g.width);
  const int64_t first = inside.first > kBefore ? inside.first : kBefore;
  const int64_t last = inside.last > first ? inside.last : first;
  for (int64_t row = rows.first; row < rows.last; ++row) {
    int64_t q = 0;
    for (int64_t edge_end = first < end ? first : end;; edge_end = end) {
      for (; q < edge_end; ++q) add_pixels(q, true);
      if (q >= end) break;
      for (; q < last; ++q) add_pixels(q, false);
    }
    source += v.stride * row_floats;
    gradient += g.columns * channels;
  }
  CNNX_UNROLL for (int i = 0; i < kInputs; ++i) CNNX_UNROLL for (int t = 0; t < kTaps; ++t)
      lanes.store(sums + t * sums_tap + i * channels, sum[i][t]);
}

// One row of taps, some inputs.
template <bool kSeveralGroups, int kInputs, class Lanes>
CNNX_INLINE void add_tap_row(const LaneGroupsGradient& g, Range rows, Taps taps, Lanes lanes) {
  const WindowAxis& h = g.horizontal;
  const bool threes = h.dilation == 1 && h.stride <= 2;
  for (; threes && taps.v + 3 <= h.taps; taps.v += 3) {
    if (h.stride == 1) {
      add_taps<kSeveralGroups, 3, 1, kInputs>(g, rows, taps, lanes);
    } else {
      add_taps<kSeveralGroups, 3, 2, kInputs>(g, rows, taps, lanes);
    }
  }
  for (; taps.v < h.taps; ++taps.v) add_taps<kSeveralGroups, 1, 1, kInputs>(g, rows, taps, lanes);
}

// A group's inputs are a multiple of kInputs.
template <bool kSeveralGroups, int kInputs>
void add_rows(const LaneGroupsGradient& g) {
  // Rows of a band: the part that a vector of channels reads fits into a first-level cache, where
  // every group of taps after the first finds it.
  constexpr int64_t kBandVectors = 256;
  const int64_t band = kBandVectors / (g.width * g.vertical.stride + g.columns) + 1;
  for (int64_t row = g.first; row < g.last; row += band) {
    const int64_t end = row + band < g.last ? row + band : g.last;
    for_vectors(g.groups * g.group.outputs, [&](int64_t channel, auto lanes) CNNX_INLINED {
      for (int64_t u = 0; u < g.vertical.taps; ++u) {
        Range rows = windows_inside(g.vertical, u, end, g.height);
        if (rows.first < row) rows.first = row;
        if (rows.first >= rows.last) continue;
        for (int64_t input = 0; input < g.group.inputs; input += kInputs) {
          add_tap_row<kSeveralGroups, kInputs>(g, rows, {u, 0, input, channel}, lanes);
        }
      }
    });
  }
}

// source x gradient -> sums (taps_high, taps_wide, inputs, channels)
void add(const LaneGroupsGradient& g) {
  if (!several_groups(g.group)) return add_rows<false, 4>(g);
  if constexpr (kLanes > 4) {
    if (g.group.inputs > 2) return add_rows<true, 4>(g);
  }
  add_rows<true, 2>(g);
}

}  // namespace

const LaneGroupsGradientKernels lane_groups_gradient_kernels = {add};

}  // namespace CNNX_ISA
}  // namespace cnnx
